package dev.umoja.sdk;

import dev.umoja.sdk.model.Event;
import dev.umoja.sdk.model.Fields;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;

/** The vectors of sdk/vectors: the first argument is their folder. */
public final class VectorsTest {
    private static int count;

    public static void main(String[] arguments) throws Exception {
        Path folder = Path.of(arguments[0]);
        requests(read(folder, "requests"));
        answers(read(folder, "answers"));
        webhooks(read(folder, "webhooks"));
        numbers();
        System.out.println(count + " vectors");
    }

    private static Map<String, Object> read(Path folder, String name) throws Exception {
        return Fields.object(Json.parse(Files.readString(folder.resolve(name + ".json"))));
    }

    private static void requests(Map<String, Object> document) throws Exception {
        for (Map<String, Object> one : cases(document)) {
            Company company = Company.parse(Json.write(Fields.object(document.get("keys")).get(one.get("key"))));
            String input = Jws.signingInput(company, (String) one.get("url"), (String) one.get("path"), (long) one.get("now"),
                    (String) one.get("jti"), (String) one.get("idk"), one.get("body"));
            same(one, input, one.get("signing_input"));
            byte[] signature = company.signer().sign(Jws.utf8(input));
            String token = input + "." + Jws.encode(signature);
            if (one.get("token") != null) {
                same(one, token, one.get("token"));
                same(one, Jws.sha256(Jws.utf8(token)), one.get("rqh"));
                continue;
            }
            String pem = (String) Fields.object(document.get("public_keys")).get(one.get("key"));
            byte[] der = Base64.getDecoder().decode(pem.replaceAll("-----[^-]+-----|\\s", ""));
            Signature verifier = Company.signature(company.alg());
            String kind = company.alg().equals("ES256") ? "EC" : "RSA";
            verifier.initVerify(KeyFactory.getInstance(kind).generatePublic(new X509EncodedKeySpec(der)));
            verifier.update(Jws.utf8(input));
            same(one, verifier.verify(signature), true);
        }
    }

    private static void answers(Map<String, Object> document) throws Exception {
        Map<String, Object> request = Fields.object(document.get("request"));
        for (Map<String, Object> one : cases(document)) {
            Jws.Expected expected = new Jws.Expected((String) request.get("url"), (String) request.get("company"),
                    (String) request.get("jti"), (String) request.get("rqh"), (int) (long) one.get("http_status"));
            try {
                Map<String, Object> claims = Jws.checkAnswer((String) one.get("answer"), keys(document), expected);
                Jws.checkTimes(claims, (long) one.get("now"));
                same(one, claims, one.get("claims"));
            } catch (Rejected error) {
                same(one, error.getMessage(), one.get("rejected"));
            }
        }
    }

    private static void webhooks(Map<String, Object> document) throws Exception {
        for (Map<String, Object> one : cases(document)) {
            event(one, () -> Webhooks.verify(body(one), headers(one), now(one), (String) document.get("secret")));
        }
        Map<String, Object> region = Fields.object(document.get("signed_by_region"));
        List<String> regions = new ArrayList<>();
        ((List<?>) region.get("regions")).forEach(url -> regions.add((String) url));
        for (Map<String, Object> one : cases(region)) {
            event(one, () -> Webhooks.verifyByRegion(body(one), headers(one), now(one), keys(region), (String) region.get("company"), regions));
        }
    }

    private static void numbers() {
        String text = "[0,-1,9223372036854775807,18446744073709551615,1.5,\"\\u0001\\\"\\\\\",{},[],null]";
        same(Map.of("name", "numbers"), Json.write(Json.parse(text)), text);
        for (String wrong : List.of("", "01", "1.", "[1,]", "{\"a\":1,\"a\":2}", "\"\\x\"", "nul", "[", "1 2", "[".repeat(1000))) {
            try {
                Json.parse(wrong);
                throw new AssertionError(wrong);
            } catch (IllegalArgumentException error) {
                count++;
            }
        }
    }

    private static void event(Map<String, Object> one, Callable<Event> verify) throws Exception {
        try {
            same(one, verify.call().data().changed(), List.of("profile.given_name"));
            same(one, null, one.get("rejected"));
        } catch (WebhookRejectedException error) {
            same(one, error.reason(), one.get("rejected"));
        }
    }

    private static List<Map<String, Object>> cases(Map<String, Object> document) {
        List<Map<String, Object>> made = new ArrayList<>();
        ((List<?>) document.get("cases")).forEach(one -> made.add(Fields.object(one)));
        return made;
    }

    private static List<PublicKey> keys(Map<String, Object> document) {
        List<PublicKey> made = new ArrayList<>();
        for (Object one : (List<?>) Fields.object(document.get("jwks")).get("keys")) {
            Map<String, Object> key = Fields.object(one);
            made.add(new PublicKey((String) key.get("kid"), (String) key.get("alg"), (String) key.get("x")));
        }
        return made;
    }

    private static byte[] body(Map<String, Object> one) {
        return Jws.utf8((String) one.get("body"));
    }

    private static Map<String, String> headers(Map<String, Object> one) {
        Map<String, String> made = new HashMap<>();
        Fields.object(one.get("headers")).forEach((name, value) -> made.put(name, (String) value));
        return made;
    }

    private static Instant now(Map<String, Object> one) {
        return Instant.ofEpochSecond((long) one.get("now"));
    }

    private static void same(Map<String, Object> one, Object found, Object expected) {
        count++;
        if (!Objects.equals(found, expected)) {
            throw new AssertionError(one.get("name") + ": found " + found + ", expected " + expected);
        }
    }
}
