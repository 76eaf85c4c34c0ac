"""Is binary cross-entropy after a softmax the cross-entropy of the outputs?"""

import keras
import numpy as np

print("Keras", keras.__version__, "on", keras.backend.backend())
keras.utils.set_random_seed(0)
x = np.random.random((250, 5))
y = np.eye(2)[(x.sum(axis=1) > 2.5).astype(int)]
binary = [(units, "softmax", "binary_crossentropy", "sigmoid") for units in (1, 2)]
for units, head, loss, other in [*binary, (2, "sigmoid", "categorical_crossentropy", "softmax")]:
    network = keras.Sequential([keras.layers.Dense(20, "relu"), keras.layers.Dense(units, head)])
    network.compile(keras.optimizers.Adam(0.03), loss, jit_compile=False)
    labels = y[:, -units:]
    logged = network.fit(x, labels, batch_size=250, epochs=100, verbose=0).history["loss"]
    print(f"\n{units} {head}, {loss}: fit logs {logged[0]:.2f}, then {logged[-1]:.2f}")
    outputs = {"as returned": network(x), "as numbers": np.array(network(x))}
    network.layers[-1].activation = keras.activations.get(other)
    for words, p in (outputs | {f"of a {other} instead": np.array(network(x))}).items():
        value = np.mean(keras.losses.get(loss)(labels, p))
        print(f"outputs {words}, {np.min(p):.2f} to {np.max(p):.2f}: loss {value:.2f}")
