package dev.umoja.sdk;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Requests and answers: compact JWS (RFC 7515) of one fixed form. */
final class Jws {
    /** Seconds by which clocks may differ. */
    private static final long LEEWAY = 5;
    /** Most seconds between iat and exp. */
    private static final long MAX_LIFETIME = 60;
    /** SubjectPublicKeyInfo of Ed25519 before its 32 bytes (RFC 8410 section 4). */
    private static final byte[] ED25519 = HexFormat.of().parseHex("302a300506032b6570032100");

    private Jws() {}

    /** The signed part of a request: header and claims. */
    static String signingInput(Company company, String url, String path, long now, String jti, String idk, Object body) {
        Map<String, Object> header = new LinkedHashMap<>();
        header.put("alg", company.alg());
        header.put("kid", company.kid());
        header.put("typ", "umoja-req+jwt");
        Map<String, Object> claims = new LinkedHashMap<>();
        claims.put("iss", company.id());
        claims.put("aud", url);
        claims.put("iat", now);
        claims.put("exp", now + MAX_LIFETIME);
        claims.put("jti", jti);
        claims.put("htm", "POST");
        claims.put("htu", url + path);
        claims.put("akh", sha256(utf8(company.apiKey())));
        if (idk != null) {
            claims.put("idk", idk);
        }
        claims.put("body", body);
        return encode(utf8(Json.write(header))) + "." + encode(utf8(Json.write(claims)));
    }

    /** What an answer has to answer. */
    record Expected(String url, String company, String jti, String rqh, int httpStatus) {}

    /** Checks all of an answer but its times, and returns its claims. */
    static Map<String, Object> checkAnswer(String token, List<PublicKey> keys, Expected expected) throws Rejected {
        Map<String, Object> claims = verify(token, "umoja-res+jwt", keys);
        if (!Set.of("iss", "aud", "iat", "exp", "rjti", "rqh", "status", "body").containsAll(claims.keySet())) {
            throw new Rejected("malformed");
        }
        expect(claims, "iss", expected.url());
        expect(claims, "aud", expected.company());
        expect(claims, "rjti", expected.jti());
        expect(claims, "rqh", expected.rqh());
        for (String name : List.of("iat", "exp", "status")) {
            if (!(claims.get(name) instanceof Long number) || number < 0) {
                throw new Rejected(name);
            }
        }
        if (!claims.containsKey("body")) {
            throw new Rejected("body");
        }
        expect(claims, "status", (long) expected.httpStatus());
        return claims;
    }

    /** Checks that a claim has a value. */
    static void expect(Map<String, Object> claims, String name, Object value) throws Rejected {
        if (!value.equals(claims.get(name))) {
            throw new Rejected(name);
        }
    }

    /** Checks that an answer is of now. */
    static void checkTimes(Map<String, Object> claims, long now) throws Rejected {
        long issued = (long) claims.get("iat");
        long expires = (long) claims.get("exp");
        if (issued > now + LEEWAY) {
            throw new Rejected("iat");
        }
        if (expires <= now - LEEWAY || expires - issued < 1 || expires - issued > MAX_LIFETIME) {
            throw new Rejected("exp");
        }
    }

    /** Checks the form of a token and its signature, and returns its claims. */
    static Map<String, Object> verify(String token, String typ, List<PublicKey> keys) throws Rejected {
        String[] parts = token.split("\\.", -1);
        if (parts.length != 3) {
            throw new Rejected("malformed");
        }
        Map<String, Object> header = object(parts[0]);
        Map<String, Object> claims = object(parts[1]);
        byte[] signature = decode(parts[2]);
        if (!Set.of("alg", "kid", "typ").containsAll(header.keySet())) {
            throw new Rejected("malformed");
        }
        expect(header, "typ", typ);
        PublicKey key = null;
        for (PublicKey one : keys) {
            key = one.kid().equals(header.get("kid")) ? one : key;
        }
        if (key == null) {
            throw new Rejected("kid");
        }
        // The algorithm is that of the key. A header never chooses it (RFC 8725 section 3.1).
        expect(header, "alg", key.alg());
        expect(header, "alg", "EdDSA");
        if (!verifies(key, utf8(parts[0] + "." + parts[1]), signature)) {
            throw new Rejected("signature");
        }
        return claims;
    }

    private static boolean verifies(PublicKey key, byte[] signed, byte[] signature) throws Rejected {
        try {
            byte[] raw = decode(key.x());
            byte[] der = ByteBuffer.allocate(ED25519.length + raw.length).put(ED25519).put(raw).array();
            Signature verifier = Company.signature("EdDSA");
            verifier.initVerify(KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(der)));
            verifier.update(signed);
            return verifier.verify(signature);
        } catch (GeneralSecurityException error) {
            return false;
        }
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> object(String part) throws Rejected {
        try {
            String json = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(decode(part))).toString();
            if (Json.parse(json) instanceof Map<?, ?> map) {
                return (Map<String, Object>) map;
            }
        } catch (CharacterCodingException | IllegalArgumentException error) {
            // Rejected below, like everything that is no object.
        }
        throw new Rejected("malformed");
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** base64url without padding (RFC 7515 section 2). */
    static String encode(byte[] data) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(data);
    }

    /** The bytes, if this is the one spelling that {@link #encode} gives them. */
    private static byte[] decode(String text) throws Rejected {
        try {
            byte[] data = Base64.getUrlDecoder().decode(text);
            if (encode(data).equals(text)) {
                return data;
            }
        } catch (IllegalArgumentException error) {
            // Rejected below, like every other spelling.
        }
        throw new Rejected("malformed");
    }

    /** Unpadded base64url of SHA-256. */
    static String sha256(byte[] data) {
        try {
            return encode(MessageDigest.getInstance("SHA-256").digest(data));
        } catch (GeneralSecurityException error) {
            throw new IllegalStateException("every JDK has SHA-256", error);
        }
    }
}
