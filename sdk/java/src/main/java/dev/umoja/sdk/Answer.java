package dev.umoja.sdk;

/**
 * An answer that a region has signed for the request.
 *
 * @param status the HTTP status, as it was signed
 * @param body the result of the operation: maps, lists, texts, numbers, booleans
 * @param region the base URL of the region that answered
 * @param requestId the id under which the region has logged the request, or null
 * @param token the signed answer itself, a compact JWS: evidence for anyone who has the region's public keys
 */
public record Answer(int status, Object body, String region, String requestId, String token) {}
