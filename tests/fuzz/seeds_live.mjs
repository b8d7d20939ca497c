// Seeds of choice_record_fuzz: stored choices between the backends, good and bad ones.

const record = (choice, wasm, webgl2, webgpu) =>
  `linnet-choice 1\nkey 0123456789abcdef\nmade 1790000000\nchoice ${choice}\nwasm ${wasm}\nwebgl2 ${webgl2}\nwebgpu ${webgpu}\n`;

export const choiceRecordSeeds = () => ({
  wasm: record('wasm', '12900 5300000', '70100 9000000', '180000 8000000'),
  webgpu: record('webgpu', '12900 5300000', '0 0', '2100 8000000'),
  unmeasured: record('webgl2', '12900 5300000', '0 0', '0 0'),
  large: record('wasm', '3600000000 1099511627776', '3600000001 0', '99999999999999999999 0'),
  version: record('wasm', '1 1', '1 1', '1 1').replace('choice 1', 'choice 2'),
  cut: record('wasm', '1 1', '1 1', '1 1').slice(0, 60),
  empty: '',
});
