// Typed arrays against the tensors of a model.
import { LinnetError } from './errors.js';
import type { DType, KeptTensor, NamedInputs, TensorInfo, TypedArray } from './types.js';

const arrayTypes = {
  f32: Float32Array,
  f16: Uint16Array,
  i32: Int32Array,
  i8: Int8Array,
  u8: Uint8Array,
  bool: Uint8Array,
} as const satisfies Record<DType, unknown>;

export function elementsOf(tensor: TensorInfo): number {
  return tensor.shape.reduce((product, size) => product * size, 1);
}

export function bytesOf(tensor: TensorInfo): number {
  return elementsOf(tensor) * arrayTypes[tensor.dtype].BYTES_PER_ELEMENT;
}

export function arrayOver(tensor: TensorInfo, buffer: ArrayBuffer): TypedArray {
  return new arrayTypes[tensor.dtype](buffer);
}

const describe = ({ name, dtype, shape }: TensorInfo) => `'${name}' (${dtype} [${shape.join(',')}])`;
const typeOf = ({ dtype, shape }: TensorInfo) => `${dtype} ${shape.filter((size) => size !== 1)}`;

/**
 * What is given in the order of `inputs`: arrays, or kept tensors that `isKept` knows. Fails unless there is exactly one
 * for each, of its type and length; for a kept tensor of its shape but for dimensions of 1.
 */
export function orderInputs<T extends TensorInfo = never>(
  inputs: readonly TensorInfo[],
  given: TypedArray | KeptTensor | NamedInputs,
  isKept: (value: unknown) => value is T = (_): _ is T => false,
): (TypedArray | T)[] {
  let named: NamedInputs;
  if (ArrayBuffer.isView(given) || isKept(given)) {
    if (inputs.length !== 1)
      throw new LinnetError('InvalidArgument', `the model has ${inputs.length} inputs; name them: ${inputs.map(describe).join(', ')}`);
    named = { [inputs[0]!.name]: given as TypedArray | KeptTensor };
  } else {
    if (typeof given !== 'object' || given === null)
      throw new LinnetError('InvalidArgument', 'run takes a typed array, or an object of typed arrays by input name');
    named = given as NamedInputs;
  }
  for (const name of Object.keys(named))
    if (!inputs.some((input) => input.name === name))
      throw new LinnetError('InvalidArgument', `there is no input '${name}'; the inputs are ${inputs.map(describe).join(', ')}`);
  return inputs.map((input) => {
    const array = named[input.name];
    const type = arrayTypes[input.dtype];
    if (array === undefined) throw new LinnetError('InvalidArgument', `input ${describe(input)} is missing`);
    if (isKept(array)) {
      if (typeOf(array) === typeOf(input)) return array;
      throw new LinnetError('WrongSize', `input ${describe(input)} does not take the kept ${describe(array)}`);
    }
    if (!(array instanceof type))
      throw new LinnetError('TypeMismatch', `input ${describe(input)} takes a ${type.name}`);
    if (array.length !== elementsOf(input))
      throw new LinnetError('WrongSize', `input ${describe(input)} takes ${elementsOf(input)} elements, not ${array.length}`);
    return array;
  });
}
