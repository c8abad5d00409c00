package dev.umoja.sdk;

import dev.umoja.sdk.model.Fields;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.PSSParameterSpec;
import java.util.Base64;
import java.util.Map;

/**
 * A company and its keys.
 *
 * @param id the company's id, the issuer of its requests
 * @param apiKey what is sent with each request
 * @param kid the name of the key
 * @param alg EdDSA, ES256, RS256 or PS256
 * @param signer signs with the key, for example in a KMS or an HSM
 */
public record Company(String id, String apiKey, String kid, String alg, Signer signer) {
    /** Signs bytes in the spelling of JWS. An ES256 signature is r and s, 64 bytes. */
    @FunctionalInterface
    public interface Signer {
        /**
         * Signs.
         *
         * @param data what to sign
         * @return the signature
         * @throws Exception if it cannot
         */
        byte[] sign(byte[] data) throws Exception;
    }

    /**
     * The company of the file that {@code umoja company add --out FILE} writes.
     *
     * @param file the file
     * @return the company
     * @throws IOException if the file cannot be read
     */
    public static Company read(Path file) throws IOException {
        return parse(Files.readString(file));
    }

    /**
     * The company of the content of such a file.
     *
     * @param json the content
     * @return the company
     */
    public static Company parse(String json) {
        Map<String, Object> file = Fields.object(Json.parse(json));
        String alg = (String) file.get("alg");
        Signer signer = signer(alg, (String) file.get("private_key_pem"));
        return new Company((String) file.get("id"), (String) file.get("api_key"), (String) file.get("kid"), alg, signer);
    }

    private static Signer signer(String alg, String pem) {
        try {
            byte[] der = Base64.getDecoder().decode(pem.replaceAll("-----[^-]+-----|\\s", ""));
            String kind = switch (alg) {
                case "EdDSA" -> "Ed25519";
                case "ES256" -> "EC";
                case "RS256", "PS256" -> "RSA";
                default -> throw new IllegalArgumentException("the algorithm is none of EdDSA, ES256, RS256, PS256");
            };
            PrivateKey key = KeyFactory.getInstance(kind).generatePrivate(new PKCS8EncodedKeySpec(der));
            return data -> {
                Signature signature = signature(alg);
                signature.initSign(key);
                signature.update(data);
                return signature.sign();
            };
        } catch (GeneralSecurityException error) {
            throw new IllegalArgumentException("the private key is none for " + alg, error);
        }
    }

    static Signature signature(String alg) throws GeneralSecurityException {
        switch (alg) {
            case "EdDSA":
                return Signature.getInstance("Ed25519");
            case "ES256":
                return Signature.getInstance("SHA256withECDSAinP1363Format");
            case "RS256":
                return Signature.getInstance("SHA256withRSA");
            default:
                Signature pss = Signature.getInstance("RSASSA-PSS");
                pss.setParameter(new PSSParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, 32, 1));
                return pss;
        }
    }

    /** Without the keys. */
    @Override
    public String toString() {
        return "Company[" + id + ", " + kid + "]";
    }
}
