package dev.umoja.sdk;

import dev.umoja.sdk.model.Event;
import dev.umoja.sdk.model.Fields;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Verifies webhooks. */
public final class Webhooks {
    /** Seconds by which a webhook may be old, or ahead. */
    private static final long TOLERANCE = 300;

    private Webhooks() {}

    /**
     * Verifies a webhook by the shared secret (Standard Webhooks).
     *
     * @param body the body as it arrived
     * @param headers by name
     * @param now the time
     * @param secrets the secret of the file that {@code umoja webhook add --out FILE} wrote, or several while one replaces another
     * @return the event
     * @throws WebhookRejectedException if the webhook is not genuine
     */
    public static Event verify(byte[] body, Map<String, String> headers, Instant now, String... secrets) {
        String id = header(headers, "webhook-id");
        String at = header(headers, "webhook-timestamp");
        String signatures = header(headers, "webhook-signature");
        if (!at.matches("[0-9]{1,12}") || Math.abs(now.getEpochSecond() - Long.parseLong(at)) > TOLERANCE) {
            throw new WebhookRejectedException("timestamp");
        }
        for (String secret : secrets) {
            byte[] key = Base64.getDecoder().decode(secret.startsWith("whsec_") ? secret.substring(6) : secret);
            byte[] expected = ("v1," + Base64.getEncoder().encodeToString(hmac(key, id + "." + at + ".", body))).getBytes(StandardCharsets.UTF_8);
            for (String signature : signatures.split(" ")) {
                if (MessageDigest.isEqual(expected, signature.getBytes(StandardCharsets.UTF_8))) {
                    return event(body);
                }
            }
        }
        throw new WebhookRejectedException("signature");
    }

    /**
     * Verifies a webhook by the region's signature, the header {@code umoja-signature}.
     *
     * @param body the body as it arrived
     * @param headers by name
     * @param now the time
     * @param keys those of {@code /.well-known/jwks.json}
     * @param company the id of the company
     * @param regions the base URLs of the regions
     * @return the event
     * @throws WebhookRejectedException if the webhook is not genuine
     */
    public static Event verifyByRegion(
            byte[] body, Map<String, String> headers, Instant now, List<PublicKey> keys, String company, List<String> regions) {
        String id = header(headers, "webhook-id");
        try {
            Map<String, Object> claims = Jws.verify(header(headers, "umoja-signature"), "umoja-evt+jwt", keys);
            if (!regions.contains(claims.get("iss"))) {
                throw new Rejected("iss");
            }
            Jws.expect(claims, "aud", company);
            Jws.expect(claims, "jti", id);
            Jws.expect(claims, "sha256", Jws.sha256(body));
            if (!(claims.get("iat") instanceof Long at) || Math.abs(now.getEpochSecond() - at) > TOLERANCE) {
                throw new Rejected("iat");
            }
        } catch (Rejected error) {
            throw new WebhookRejectedException(error.getMessage());
        }
        return event(body);
    }

    private static byte[] hmac(byte[] key, String prefix, byte[] body) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            mac.update(prefix.getBytes(StandardCharsets.UTF_8));
            return mac.doFinal(body);
        } catch (GeneralSecurityException error) {
            throw new IllegalStateException("every JDK has HmacSHA256", error);
        }
    }

    private static String header(Map<String, String> headers, String name) {
        Map<String, String> byName = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        byName.putAll(headers);
        String value = byName.get(name);
        if (value == null) {
            throw new WebhookRejectedException("headers");
        }
        return value;
    }

    private static Event event(byte[] body) {
        try {
            return Event.of(Fields.object(Json.parse(new String(body, StandardCharsets.UTF_8))));
        } catch (IllegalArgumentException error) {
            throw new WebhookRejectedException("malformed");
        }
    }
}
