"""Is the accuracy that is logged for labels -1 and +1 the share that is right?"""

import keras
import numpy as np

print("Keras", keras.__version__, "on", keras.backend.backend())
keras.utils.set_random_seed(0)
x = np.random.random((250, 5))
y = np.where(x.sum(axis=1, keepdims=True) > 2.5, 1, -1)
layers = [keras.layers.Dense(20, "tanh"), keras.layers.Dense(1, "tanh")]
network = keras.Sequential([keras.Input((5,)), *layers])
network.compile(keras.optimizers.Adam(0.03), "hinge", metrics=["accuracy"], jit_compile=False)
network.fit(x, y, batch_size=250, epochs=100, verbose=0)
outputs = network.predict(x, batch_size=250, verbose=0)
logged = network.evaluate(x, y, batch_size=250, verbose=0, return_dict=True)["accuracy"]
print(f"accuracy as logged {logged:.3f}")
print(f"share whose sign is right {np.mean(np.sign(outputs) == y):.3f}")
print(f"share of label +1 and above one half {np.mean((y == 1) & (outputs > 0.5)):.3f}")
print(f"share whose rounded output is right {np.mean(np.round(outputs) == y):.3f}")
