// Fills a user pool by Cognito's API at a URL: cognito-local, or another server that wants no signature. Prints its ids
// as one line of JSON.
//
//   node old_pool.mjs URL
const url = process.argv[2];

async function call(target, body) {
  const response = await fetch(`${url}/`, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": `AWSCognitoIdentityProviderService.${target}`,
    },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${target}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : {};
}

const Password = "Correct-horse-7";
const made = await call("CreateUserPool", {
  PoolName: "old",
  UsernameAttributes: ["email"],
  AutoVerifiedAttributes: ["email"],
});
const pool = made.UserPool.Id;
const { UserPoolClient } = await call("CreateUserPoolClient", {
  UserPoolId: pool,
  ClientName: "umoja",
  ExplicitAuthFlows: ["ALLOW_ADMIN_USER_PASSWORD_AUTH"],
});
const client = UserPoolClient.ClientId;

async function signUp(email) {
  const UserAttributes = [{ Name: "email", Value: email }];
  const { UserSub } = await call("SignUp", { ClientId: client, Username: email, Password, UserAttributes });
  return UserSub;
}

const ada = await signUp("ada@example.com");
await call("AdminConfirmSignUp", { UserPoolId: pool, Username: "ada@example.com" });
const ben = await signUp("ben@example.com");
const { User } = await call("AdminCreateUser", {
  UserPoolId: pool,
  Username: "eve@example.com",
  TemporaryPassword: Password,
  MessageAction: "SUPPRESS",
  UserAttributes: [{ Name: "email", Value: "eve@example.com" }],
});
const eve = User.Attributes.find((attribute) => attribute.Name === "sub").Value;
const said = await call("AdminInitiateAuth", {
  UserPoolId: pool,
  ClientId: client,
  AuthFlow: "ADMIN_USER_PASSWORD_AUTH",
  AuthParameters: { USERNAME: eve, PASSWORD: Password },
});
console.log(JSON.stringify({ pool, client, subs: { ada, ben, eve }, challenge: said.ChallengeName ?? null }));
