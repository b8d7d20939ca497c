// The models to measure, as folders of the shared models, and which files of them each peer reads.

/**
 * onnx, tflite, tflite_int8: paths below the shared models; a format that is missing leaves its peers out.
 * range: of the random inputs. differs: formats that hold another checkpoint, so that only their times compare.
 */
const listed = {
  'mobilenet_v2_1.0_224': {
    onnx: 'mobilenet_v2_1.0_224/mobilenet_v2_1.0_224.onnx',
    tflite: 'mobilenet_v2_1.0_224/mobilenet_v2_1.0_224_float.tflite',
    tflite_int8: 'tflite/tf2_mobilenet_v2_1.0_224_ptq.tflite',
    range: [-2, 2.5],
    differs: { tflite_int8: 'another checkpoint of the same architecture, with 1001 classes and uint8 input' },
  },
  'mobilenet_v1_0.25_224': {
    onnx: 'mobilenet_v1_0.25_224/mobilenet_v1_0.25_224.onnx',
    tflite: 'tflite/mobilenet_v1_0.25_224_float.tflite',
    range: [-1, 1],
    differs: { tflite: 'another checkpoint of the same architecture, with 1001 classes' },
  },
  vww_96: { tflite: 'tflite/vww_96_float.tflite' },
  kws_ds_cnn: { onnx: 'kws_ds_cnn/kws_ds_cnn.onnx', tflite: 'tflite/kws_ds_cnn_float.tflite', range: [-1, 1] },
  resnet8_cifar10: { tflite: 'tflite/resnet8_cifar10_float.tflite', range: [0, 255] },
};

export const defaultModels = Object.keys(listed);

/** What is known of the model called `name`: any folder of the shared models will do, with TensorFlow.js as its peer. */
export const modelOf = (name) => ({ name, range: [0, 1], differs: {}, ...listed[name] });
