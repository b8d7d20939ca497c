// Puts the package where tests can reach it, and keeps what the content security policy refused.
import * as linnet from '/linnet/linnet.js';

globalThis.linnet = linnet;
globalThis.violations = [];
document.addEventListener('securitypolicyviolation', (event) => globalThis.violations.push(event.violatedDirective));

globalThis.fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
globalThis.toBase64 = ({ buffer, byteOffset, byteLength }) => {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
};
// What an operation rejects with.
globalThis.errorOf = async (operation) => {
  try {
    await operation();
    return { code: 'none' };
  } catch (error) {
    return { name: error.name, code: error.code, message: error.message };
  }
};
globalThis.ready = true;
