// Drives cognito-local, whose pools call a function. Prints what it has seen as one line of JSON.
//
//   node local.mjs FOLDER_WITH_NODE_MODULES URL_OF_THE_FUNCTION
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [folder, functionUrl] = process.argv.slice(2);
const home = mkdtempSync(join(tmpdir(), "cognito-local-"));
mkdirSync(join(home, ".cognito"));
const triggers = ["PreSignUp", "PostConfirmation", "PreTokenGeneration", "PostAuthentication", "UserMigration"];
writeFileSync(
  join(home, ".cognito", "config.json"),
  JSON.stringify({
    LambdaClient: { endpoint: functionUrl, region: "local", credentials: { accessKeyId: "x", secretAccessKey: "x" } },
    TriggerFunctions: Object.fromEntries(triggers.map((name) => [name, "umoja-cognito"])),
  }),
);
const server = spawn(process.execPath, [join(folder, "node_modules/cognito-local/lib/bin/start.js")], {
  cwd: home,
  env: { ...process.env, HOST: "127.0.0.1", PORT: "0", CODE: "123456" },
});
let log = "";
const url = await new Promise((started, failed) => {
  const seen = (text) => {
    log += text;
    const port = /running on http:\/\/[^\s]*:(\d+)/.exec(log);
    if (port) started(`http://127.0.0.1:${port[1]}`);
  };
  server.stdout.on("data", seen);
  server.stderr.on("data", seen);
  server.on("exit", () => failed(new Error(log)));
});

async function call(target, body) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": `AWSCognitoIdentityProviderService.${target}` },
    body: JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({}));
  return response.ok ? answer : { error: String(answer.__type ?? answer.code ?? response.status), message: answer.message };
}

async function pool(direction) {
  const made = await call("CreateUserPool", { PoolName: direction, UsernameAttributes: ["email"], AutoVerifiedAttributes: ["email"] });
  const id = made.UserPool.Id;
  const client = await call("CreateUserPoolClient", { UserPoolId: id, ClientName: direction });
  await fetch(`${functionUrl}/pool`, { method: "POST", body: JSON.stringify({ id, direction }) });
  return client.UserPoolClient.ClientId;
}

async function login(client, name, password) {
  const AuthParameters = { USERNAME: name, PASSWORD: password };
  const answer = await call("InitiateAuth", { AuthFlow: "USER_PASSWORD_AUTH", ClientId: client, AuthParameters });
  const token = answer.AuthenticationResult?.IdToken;
  return token ? JSON.parse(Buffer.from(token.split(".")[1], "base64url")) : answer;
}

const seen = {};
const Password = "Correct-horse-7";
const feeding = await pool("from-pool");
const ann = { ClientId: feeding, Username: "ann@example.com", Password };
seen.signedUp = await call("SignUp", { ...ann, UserAttributes: [{ Name: "email", Value: "ann@example.com" }] });
seen.confirmed = await call("ConfirmSignUp", { ClientId: feeding, Username: "ann@example.com", ConfirmationCode: "123456" });
seen.claims = await login(feeding, "ann@example.com", Password);
const fed = await pool("to-pool");
seen.migrated = await login(fed, "cay@example.com", "correct horse");
seen.wrong = await login(fed, "dan@example.com", "correct horse");
// The source is that of the other pool now.
const eve = { ClientId: feeding, Username: "eve@example.com", Password };
seen.rejected = await call("SignUp", { ...eve, UserAttributes: [{ Name: "email", Value: "eve@example.com" }] });
console.log(JSON.stringify(seen));
server.removeAllListeners("exit");
server.kill();
