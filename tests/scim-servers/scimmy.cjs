// A SCIM server made of npm scimmy-routers over a map: `node scimmy.cjs --port N --bearer-token TEXT`. It answers under /v2.
"use strict";
const express = require("express");
const SCIMMY = require("scimmy");
const { default: Routers } = require("scimmy-routers");

const given = (name) => process.argv[process.argv.indexOf(name) + 1];
const [port, token] = [Number(given("--port")), given("--bearer-token")];
const users = new Map();
let last = 0;

const error = (status, type, detail) => new SCIMMY.Types.Error(status, type, detail);
const existing = (id) => {
    if (!users.has(id)) throw error(404, null, "there is no such user");
    return users.get(id);
};

SCIMMY.Resources.declare(SCIMMY.Resources.User, {
    egress: (resource) => (resource.id ? existing(resource.id) : [...users.values()]),
    ingress: (resource, instance) => {
        if (resource.id) existing(resource.id);
        const id = resource.id ?? String(++last);
        const name = instance.userName.toLowerCase();
        const isTaken = [...users.values()].some((user) => user.id !== id && user.userName.toLowerCase() === name);
        if (isTaken) throw error(409, "uniqueness", "the user name is taken");
        const now = new Date().toISOString();
        const { meta, ...values } = JSON.parse(JSON.stringify(instance));
        const created = users.get(id)?.meta?.created ?? now;
        users.set(id, { ...values, id, meta: { created, lastModified: now } });
        return users.get(id);
    },
    degress: (resource) => {
        existing(resource.id);
        users.delete(resource.id);
    },
});

const routers = new Routers({
    type: "bearer",
    handler: (request) => {
        if (request.headers.authorization !== `Bearer ${token}`) throw new Error("the token is wrong");
        return "umoja";
    },
});
// The routers make numbers of `count` and `startIndex` in the query, which Express 5 reads again at each access.
const keepQuery = (request, _, next) => {
    Object.defineProperty(request, "query", { value: request.query });
    next();
};
express().use(keepQuery).use("/v2", routers).listen(port, "127.0.0.1");
