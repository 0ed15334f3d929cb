"""How the demonstration's model, clip-demo, was made: ``python -m vlmeval.demo_model.train``.

Comes in: cases drawn for training (other series than the bench's) and the words in
``benchmarks/derm-demo/clip-demo/captions.yaml``. Goes out: an ordinary open_clip folder (config and safetensors).
captions.py makes the captions, pictures.py the pixels, train.py the model. Nothing else in vlmeval imports this
package: to the rest of the house clip-demo is a model like any other.
"""
