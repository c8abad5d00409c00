import { Umoja } from "umoja-sdk";

const umoja = await Umoja.fromFile(process.argv[2], process.argv.slice(3));
const { user } = await umoja.register({ email: `ada-${Date.now()}@example.com`, password: "correct horse battery" });
const { authenticated } = await umoja.authenticate({ id: user.id, password: "correct horse battery" });
console.log(user.id, authenticated);
