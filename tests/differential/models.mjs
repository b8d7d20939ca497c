// The models that Linnet runs, as folders of the shared models, and how far their outputs may be from TensorFlow.js.

/** The largest difference from TensorFlow.js, relative to the range of the output. */
export const tolerance = 1e-4;

/** The models, each with the files of its topology where there is more than the one that is found by itself. */
export const models = [
  { name: 'mobilenet_v2_1.0_224', files: ['model.json', 'model_192.json', 'model_160.json', 'model_128.json', 'model_96.json'] },
  { name: 'mobilenet_v2_1.0_224_tf' },
  { name: 'mobilenet_v1_0.25_224' },
  { name: 'mobilenet_v1_0.25_128' },
  { name: 'mobilenet_v1_0.5_160' },
  { name: 'mobilenet_v1_0.75_192' },
  { name: 'squeezenet1.1_224' },
  { name: 'vww_96' },
  { name: 'kws_ds_cnn' },
  { name: 'resnet8_cifar10' },
  { name: 'emotion' },
  { name: 'blazeface-back' },
  { name: 'facemesh' },
  { name: 'deeplabv3_mnv2_257' },
  { name: 'handdetect' },
  { name: 'handlandmark-lite' },
  { name: 'meet' },
  { name: 'nsfwjs_mobilenet_v2' },
  { name: 'stories260k' },
];
