const bare = (name) => name.replace(/:0$/, '');

/** The input that a peer calls `name`. A lone input needs no name: signatures and nodes may call it differently. */
export function inputCalled(name, inputs) {
  const found = inputs.length === 1 ? inputs[0] : inputs.find((input) => bare(input.name) === bare(name));
  if (!found) throw new Error(`no input is called '${name}'; there are: ${inputs.map((input) => input.name)}`);
  return found;
}
