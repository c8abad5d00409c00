package dev.umoja.sdk;

import java.util.Map;

/** What a region, or a proxy before it, has answered in place of a result: a problem (RFC 9457). */
public final class ApiException extends UmojaException {
    private static final long serialVersionUID = 1;

    private final transient Map<String, Object> problem;
    private final int status;
    private final String region;
    private final String requestId;
    private final Integer retryAfter;
    private final boolean signed;

    ApiException(Map<String, Object> problem, int status, String region, String requestId, Integer retryAfter, boolean signed) {
        super(message(problem, status, requestId), null);
        this.problem = problem;
        this.status = status;
        this.region = region;
        this.requestId = requestId;
        this.retryAfter = retryAfter;
        this.signed = signed;
    }

    private static String message(Map<String, Object> problem, int status, String requestId) {
        String said = problem.get("title") instanceof String title ? ": " + title + ": " + problem.get("detail") : "";
        String code = problem.get("code") instanceof String text ? text : "without a code";
        return status + " " + code + said + (requestId == null ? "" : " (Request-Id " + requestId + ")");
    }

    private String text(String name) {
        return problem.get(name) instanceof String text ? text : null;
    }

    /**
     * For programs.
     *
     * @return the code, UNKNOWN if it is newer than this version or if something other than a region answered
     */
    public ErrorCode code() {
        return ErrorCode.of(problem.get("code"));
    }

    /**
     * What to do. It never contains a value that the caller sent.
     *
     * @return the text, or null
     */
    public String detail() {
        return text("detail");
    }

    /**
     * The member of the body that is wrong, as a path: {@code set.profile}.
     *
     * @return the path, or null
     */
    public String field() {
        return text("field");
    }

    /**
     * The current version of the user, if another one was expected.
     *
     * @return the version, or null
     */
    public String version() {
        return text("version");
    }

    /**
     * The HTTP status.
     *
     * @return the status
     */
    public int status() {
        return status;
    }

    /**
     * The base URL of the region.
     *
     * @return the URL
     */
    public String region() {
        return region;
    }

    /**
     * The id under which the region has logged the request. Give it to the operator.
     *
     * @return the id, or null
     */
    public String requestId() {
        return requestId;
    }

    /**
     * After how many seconds the region wants to be asked again.
     *
     * @return the seconds, or null
     */
    public Integer retryAfter() {
        return retryAfter;
    }

    /**
     * Whether the region has signed the problem. If not, a proxy or an attacker can have made it.
     *
     * @return whether it has
     */
    public boolean isSigned() {
        return signed;
    }
}
