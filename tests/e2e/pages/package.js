// Puts the package where tests can reach it, and keeps what the content security policy refused.
import * as linnet from '/linnet/linnet.js';

globalThis.linnet = linnet;
globalThis.violations = [];
document.addEventListener('securitypolicyviolation', (event) => globalThis.violations.push(event.violatedDirective));
globalThis.ready = true;
