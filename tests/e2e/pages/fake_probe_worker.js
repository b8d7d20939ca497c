// Says that both GPUs are there, by the names that the address gives, or that they are absent, or nothing of them.
const { adapter = 'none', absent = [], silent = [], broken } = JSON.parse(decodeURIComponent(self.location.pathname.split('/')[2]));
const name = (backend) => (absent.includes(backend) ? null : `${adapter} ${backend}`);
if (broken) throw new Error('as told');
for (const backend of ['webgl2', 'webgpu']) if (!silent.includes(backend)) postMessage({ [backend]: name(backend) });
