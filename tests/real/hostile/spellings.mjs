// In how many ways can an address be written that Prosody reads as the private room's? (stringprep, RFC 3920 appendices A and B)

import { join } from '../harness/xmpp.mjs';

const host = 'conference.localhost';
const wide = (text) => [...text].map((one) => String.fromCodePoint(one.codePointAt(0) + 0xfee0)).join('');
const bold = (text) => [...text].map((one) => String.fromCodePoint(one.codePointAt(0) - 97 + 0x1d41a)).join('');

const same = [
  ['as it is', `private@${host}`],
  ['in capitals', `PRIVATE@${host}`],
  ['with one capital', `privatE@${host}`],
  ['in full-width letters', `${wide('private')}@${host}`],
  ['in full-width capitals', `${wide('PRIVATE')}@${host}`],
  ['with one full-width letter', `priva${wide('t')}e@${host}`],
  ['in bold mathematical letters', `${bold('private')}@${host}`],
  ['with a circled letter', `\u24dfrivate@${host}`],
  ['with Roman numerals for letters', `pr\u2170\u2174ate@${host}`],
  ['with a superscript i', `pr\u2071vate@${host}`],
  ['with a feminine ordinal for an a', `priv\u00aate@${host}`],
  ['with a double-struck P', `\u2119rivate@${host}`],
  ['with a soft hyphen', `pri\u00advate@${host}`],
  ['with a zero-width space', `pri\u200bvate@${host}`],
  ['with a zero-width non-joiner', `pri\u200cvate@${host}`],
  ['with a zero-width joiner at its end', `private\u200d@${host}`],
  ['with a word joiner', `\u2060private@${host}`],
  ['with a byte order mark', `\ufeffprivate@${host}`],
  ['with a variation selector', `private\ufe0f@${host}`],
  ['with a combining grapheme joiner', `priv\u034fate@${host}`],
  ['with a Mongolian vowel separator selector', `priv\u180bate@${host}`],
  ['with its host in capitals', `private@${host.toUpperCase()}`],
  ['with a dot behind its host', `private@${host}.`],
  ['with its host in full-width letters', `private@${wide('conference')}.localhost`],
  ['with a full-width dot in its host', 'private@conference\uff0elocalhost'],
  ['with a soft hyphen in its host', 'private@con\u00adference.localhost'],
  ['with a zero-width space in its host', 'private@conference.local\u200bhost'],
  ['with capitals, a hyphen and a dot', `PRI\u00adVATE@${host.toUpperCase()}.`],
];

// To Prosody these are other rooms, or none.
const others = [
  ['percent-encoded', `%70rivate@${host}`],
  ['escaped as XEP-0106 does', `priv\\61te@${host}`],
  ['with a space before it', ` private@${host}`],
  ['with a tenant of no name', `[]private@${host}`],
  ['with a tenant', `[x]private@${host}`],
  ['with a tenant in its host', 'private@conference.x.localhost'],
  ['with a port behind its host', `private@${host}:5222`],
  ['with two dots behind its host', `private@${host}..`],
  ['with an ideographic dot in its host', 'private@conference\u3002localhost'],
  ['with two ats', `private@public@${host}`],
  ['as a resource of the public room', `public@${host}/private@${host}`],
  ['with a Cyrillic letter', `priv\u0430te@${host}`],
];

/** By WebSocket each; by BOSH those that differ most. */
export default [
  ...same.map(([name, address]) => ({ door: 'ws', name: `the room ${name}`, bare: 'works', address })),
  ...same.filter((_, at) => [0, 1, 3, 12, 21, 22].includes(at)).map(([name, address]) => ({ door: 'bosh', name: `the room ${name}`, bare: 'works', address })),
  ...others.map(([name, address]) => ({ door: 'ws', name: `the room ${name}`, bare: 'harmless', address })),
].map(({ address, ...rest }) => ({
  family: 'spelling',
  ...rest,
  run: (eve) => eve.says(rest.door, join(address.includes('/') ? address : `${address}/${eve.mark}`)),
}));
