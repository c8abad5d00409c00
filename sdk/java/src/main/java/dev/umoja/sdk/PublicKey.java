package dev.umoja.sdk;

/**
 * A key of a region, an entry of {@code /.well-known/jwks.json}.
 *
 * @param kid its name
 * @param alg its algorithm
 * @param x the key, in unpadded base64url
 */
public record PublicKey(String kid, String alg, String x) {}
