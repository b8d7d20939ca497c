// Says that both GPUs are there, by the names that the address gives.
const { adapter = 'none', absent = [] } = JSON.parse(decodeURIComponent(self.location.pathname.split('/')[2]));
const name = (backend) => (absent.includes(backend) ? null : `${adapter} ${backend}`);
postMessage({ webgpu: name('webgpu'), webgl2: name('webgl2') });
