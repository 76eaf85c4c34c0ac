"""Is hinge max(1 - label * output, 0), with the labels as they are given?"""

import keras
import numpy as np

print("Keras", keras.__version__, "on", keras.backend.backend())
outputs = np.array([[0.5], [0.25], [0.5], [-0.25]])
network = keras.Sequential([keras.Input((1,)), keras.layers.Identity()])
network.compile(loss="hinge", jit_compile=False)
batches = [((0, 1, 0, 1), 4), ((-1, 1, -1, 1), 4), ((1, 1, 1, 1), 4)]
for labels, size in [*batches, ((0, 1, 0, -1), 4), ((0, 1, 0, -1), 2)]:
    y = np.array(labels)[:, None]
    loss = network.evaluate(outputs, y, batch_size=size, verbose=0)
    literal = np.maximum(1 - y * outputs, 0).mean()
    print(f"labels {labels} in batches of {size}: hinge {loss:.4f}, as given {literal:.4f}")
