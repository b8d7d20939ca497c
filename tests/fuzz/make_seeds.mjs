// Writes the seeds of the fuzz targets to tests/fuzz/seeds/TARGET. The seeds are committed; run this after changing it.
//
//   node tests/fuzz/make_seeds.mjs     (Node.js 20 or newer, and Chromium)
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { imageSeeds, npySeeds } from './seeds_binary.mjs';
import { choiceRecordSeeds } from './seeds_live.mjs';
import { planSeeds } from './seeds_plan.mjs';
import { exprSeeds, jsonSeeds, textSeeds } from './seeds_text.mjs';
import { tfjsSeeds } from './seeds_tfjs.mjs';

const folder = join(dirname(fileURLToPath(import.meta.url)), 'seeds');

const targets = {
  choice_record_fuzz: choiceRecordSeeds,
  expr_fuzz: exprSeeds,
  image_fuzz: imageSeeds,
  json_tree_fuzz: jsonSeeds,
  npy_fuzz: npySeeds,
  plan_fuzz: planSeeds,
  text_fuzz: textSeeds,
  tfjs_model_fuzz: tfjsSeeds,
};

for (const [target, seeds] of Object.entries(targets)) {
  await rm(join(folder, target), { recursive: true, force: true });
  await mkdir(join(folder, target), { recursive: true });
  for (const [name, content] of Object.entries(await seeds())) await writeFile(join(folder, target, name), content);
}
