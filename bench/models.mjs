// The models to measure, as folders of the shared models, and which files of them each peer reads.

/**
 * onnx, tflite, tflite_int8: paths below the shared models; a format that is missing leaves its peers out.
 * range: of the random inputs. photos: how photos become inputs, for models that take them; outputs are compared, and
 * int8 is calibrated, on photos then, else on random inputs. differs: formats that hold another checkpoint, so that only
 * their times compare.
 */
const listed = {
  'mobilenet_v2_1.0_224': {
    onnx: 'mobilenet_v2_1.0_224/mobilenet_v2_1.0_224.onnx',
    tflite: 'mobilenet_v2_1.0_224/mobilenet_v2_1.0_224_float.tflite',
    tflite_int8: 'tflite/tf2_mobilenet_v2_1.0_224_ptq.tflite',
    range: [-2, 2.5],
    photos: 'imagenet',
    differs: { tflite_int8: 'another checkpoint of the same architecture, with 1001 classes and uint8 input' },
  },
  'mobilenet_v1_0.25_224': {
    onnx: 'mobilenet_v1_0.25_224/mobilenet_v1_0.25_224.onnx',
    tflite: 'tflite/mobilenet_v1_0.25_224_float.tflite',
    range: [-1, 1],
    photos: 'pm1',
    differs: { tflite: 'another checkpoint of the same architecture, with 1001 classes' },
  },
  vww_96: { tflite: 'tflite/vww_96_float.tflite', tflite_int8: 'tflite/vww_96_int8.tflite', photos: 'unit' },
  kws_ds_cnn: {
    onnx: 'kws_ds_cnn/kws_ds_cnn.onnx',
    tflite: 'tflite/kws_ds_cnn_float.tflite',
    tflite_int8: 'tflite/kws_ds_cnn_int8.tflite',
    range: [-8, 8],
  },
  resnet8_cifar10: {
    tflite: 'tflite/resnet8_cifar10_float.tflite',
    tflite_int8: 'tflite/resnet8_cifar10_int8.tflite',
    range: [0, 255],
    photos: 'raw',
  },
  // These have the weights of their int8 files.
  'mobilenet_v2_1.0_224_tf': { tflite_int8: 'tflite/tf2_mobilenet_v2_1.0_224_ptq.tflite', range: [-1, 1], photos: 'pm1' },
  'mobilenet_v1_0.25_128': { tflite_int8: 'tflite/mobilenet_v1_0.25_128_quant.tflite', range: [-1, 1], photos: 'pm1' },
};

export const defaultModels = Object.keys(listed).slice(0, 5);

/** What is known of the model called `name`: any folder of the shared models will do, with TensorFlow.js as its peer. */
export const modelOf = (name) => ({ name, range: [0, 1], differs: {}, ...listed[name] });
