// The examples of docs/sign-on.md, as a reader copies them.
import fs from 'node:fs';

export function example(language) {
  const text = fs.readFileSync(process.env.SIGN_ON, 'utf8');
  const found = new RegExp(`\n\`\`\`${language}\n([^]*?)\`\`\``).exec(text);
  if (!found) { throw new Error(`docs/sign-on.md has no example in ${language}`); }
  return found[1];
}
