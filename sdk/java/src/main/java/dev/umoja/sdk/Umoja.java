package dev.umoja.sdk;

import dev.umoja.sdk.model.Body;
import dev.umoja.sdk.model.Event;
import dev.umoja.sdk.model.Events;
import dev.umoja.sdk.model.Fields;
import dev.umoja.sdk.model.ListEvents;
import dev.umoja.sdk.model.Provisioning;
import dev.umoja.sdk.model.ProvisioningStatus;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Predicate;

/** A client of all regions of a deployment. Make one for each process; threads may share it. */
public final class Umoja extends Operations {
    /** The version of this package. */
    public static final String VERSION = "0.1.0";
    /** For how long a region that did not answer is asked last. */
    private static final Duration OUT = Duration.ofSeconds(30);
    /** From which difference on the clock of the regions counts in place of this machine's. */
    private static final Duration SKEW = Duration.ofSeconds(2);
    /** The longest wait that a region can ask for within a call, in seconds. */
    private static final int MAX_WAIT = 20;

    private final Company company;
    private final List<String> given = new ArrayList<>();
    private final Clock clock;
    private final int retries;
    private final Duration timeout;
    private final HttpClient http;
    private final SecureRandom random = new SecureRandom();
    private final Map<String, List<PublicKey>> keys = new ConcurrentHashMap<>();
    private final Map<String, Instant> outUntil = new ConcurrentHashMap<>();
    private volatile List<String> known;
    private volatile Duration offset = Duration.ZERO;

    private Umoja(Builder builder) {
        company = builder.company;
        builder.regions.forEach(url -> given.add(url.replaceAll("/+$", "")));
        if (given.isEmpty()) {
            throw new IllegalArgumentException("give the base URL of a region");
        }
        clock = builder.clock;
        retries = builder.retries;
        timeout = builder.timeout;
        http = builder.http;
    }

    /** What a client is made from. */
    public static final class Builder {
        private final Company company;
        private final List<String> regions;
        private Clock clock = Clock.systemUTC();
        private int retries = 2;
        private Duration timeout = Duration.ofSeconds(10);
        private HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(10)).build();

        private Builder(Company company, List<String> regions) {
            this.company = company;
            this.regions = regions;
        }

        /**
         * This machine's clock.
         *
         * @param value the clock
         * @return this
         */
        public Builder clock(Clock value) {
            clock = value;
            return this;
        }

        /**
         * How often the regions are asked again after none of them could answer: 2 unless given.
         *
         * @param value how often
         * @return this
         */
        public Builder retries(int value) {
            retries = value;
            return this;
        }

        /**
         * The time for one answer, beside what {@code waitMs} and {@code waitSecs} ask for: 10 seconds unless given.
         *
         * @param value the time
         * @return this
         */
        public Builder timeout(Duration value) {
            timeout = value;
            return this;
        }

        /**
         * What sends the requests. It must not follow redirections.
         *
         * @param value the client
         * @return this
         */
        public Builder http(HttpClient value) {
            http = value;
            return this;
        }

        /**
         * The client.
         *
         * @return the client
         */
        public Umoja build() {
            return new Umoja(this);
        }
    }

    /**
     * Begins a client.
     *
     * @param company the company and its keys
     * @param regions base URLs of regions, the nearest first. One is enough while it answers: the first that does names the others. Give
     *     two, so that a client can also start while a region is out.
     * @return what builds the client
     */
    public static Builder builder(Company company, String... regions) {
        return new Builder(company, List.of(regions));
    }

    /**
     * A client with the keys of a file that {@code umoja company add --out FILE} wrote.
     *
     * @param companyFile the file
     * @param regions base URLs of regions, the nearest first
     * @return the client
     * @throws IOException if the file cannot be read
     */
    public static Umoja open(Path companyFile, String... regions) throws IOException {
        return builder(Company.read(companyFile), regions).build();
    }

    /**
     * How far the regions' clock is ahead of this machine's, as far as it is known.
     *
     * @return the difference
     */
    public Duration clockOffset() {
        return offset;
    }

    /**
     * Calls the operation at a path, and returns its verified answer. What fails for a moment is repeated with the same {@code idk} and a
     * new token, in the next region first.
     *
     * @throws ApiException if the answer is a problem
     * @throws NoAnswerException if no region answered
     * @throws AnswerRejectedException if what answered is not the region
     */
    @Override
    public Answer call(String path, Body body, String idk) {
        String key = idk == null ? randomId() : idk;
        UmojaException last = null;
        for (int round = 0; round <= retries; round++) {
            if (round > 0) {
                pause(round, last);
            }
            for (String region : regions()) {
                try {
                    return ask(region, path, body, key, false);
                } catch (UmojaException error) {
                    if (!isTransient(error)) {
                        throw error;
                    }
                    if (isOut(error)) {
                        outUntil.put(region, clock.instant().plus(OUT));
                    }
                    last = error;
                    // Another region has a count of its own, but not for more requests than were agreed.
                    if (error instanceof ApiException problem && problem.status() == 429) {
                        break;
                    }
                }
            }
        }
        throw last;
    }

    /**
     * Gives pages of events to a handler, for as long as it returns true. Store the cursor of a page in the transaction of what its events
     * did, and begin with it after a restart: then no event is lost or done twice.
     *
     * @param cursor where to begin, or null for all events that are kept
     * @param handler takes each page that has events
     * @throws ApiException with the code CURSOR_EXPIRED if events after the cursor were deleted
     */
    public void events(String cursor, Predicate<Events> handler) {
        events(new ListEvents().cursor(cursor).waitSecs(20L), false, handler);
    }

    /**
     * Gives pages of events to a handler, for as long as it returns true.
     *
     * @param from where to begin, and how long to wait for more
     * @param once whether to end once no event is left
     * @param handler takes each page that has events
     */
    public void events(ListEvents from, boolean once, Predicate<Events> handler) {
        ListEvents next = from;
        while (true) {
            Events page = listEvents(once ? next.waitSecs(null) : next);
            if (page.events().isEmpty() ? once && !page.more() : !handler.test(page)) {
                return;
            }
            next = from.after(null).cursor(page.cursor());
        }
    }

    /**
     * Waits until no account of a ticket is pending, or the time has passed.
     *
     * @param ticket the ticket of an answer
     * @param time how long to wait
     * @return how far the accounts are
     */
    public Provisioning waitForProvisioning(String ticket, Duration time) {
        long end = System.nanoTime() + time.toNanos();
        while (true) {
            long left = Math.max(0, Math.min(10_000, (end - System.nanoTime()) / 1_000_000));
            Provisioning state = provisioningStatus(new ProvisioningStatus().ticket(ticket).waitMs(left));
            if (left == 0 || state.accounts().stream().noneMatch(account -> account.state().equals("pending"))) {
                return state;
            }
        }
    }

    /**
     * Verifies the signature that a region gives its webhooks ({@code umoja-signature}), which needs no shared secret.
     *
     * @param body the body as it arrived
     * @param headers by name
     * @return the event
     * @throws WebhookRejectedException if the webhook is not genuine
     */
    public Event verifyWebhook(byte[] body, Map<String, String> headers) {
        List<String> regions = regions();
        try {
            return withKeys(regions.get(0), found -> {
                try {
                    return Webhooks.verifyByRegion(body, headers, now(), found, company.id(), regions);
                } catch (WebhookRejectedException error) {
                    throw new Rejected(error.reason());
                }
            });
        } catch (Rejected error) {
            throw new WebhookRejectedException(error.getMessage());
        }
    }

    private Instant now() {
        return clock.instant().plus(offset);
    }

    private String randomId() {
        byte[] data = new byte[16];
        random.nextBytes(data);
        return Jws.encode(data);
    }

    /** One attempt in one region; two if the clock of this machine was wrong. */
    private Answer ask(String region, String path, Body body, String idk, boolean again) {
        long now = now().getEpochSecond();
        String jti = randomId();
        String data = Jws.signingInput(company, region, path, now, jti, idk, body);
        String token = data + "." + Jws.encode(sign(data));
        Duration extra = Duration.ofMillis(number(body, "wait_ms")).plusSeconds(number(body, "wait_secs"));
        HttpResponse<String> got = send(region, path, token, extra);
        String requestId = header(got, "request-id");
        Integer retryAfter = header(got, "retry-after") == null || !header(got, "retry-after").matches("[0-9]{1,9}")
                ? null : Integer.valueOf(header(got, "retry-after"));
        int status = got.statusCode();
        String type = header(got, "content-type");
        if (type == null || !type.startsWith("application/jwt")) {
            if (status == 401 && !again && correctByDate(header(got, "date"), now)) {
                return ask(region, path, body, idk, true);
            }
            throw new ApiException(problem(got.body()), status, region, requestId, retryAfter, false);
        }
        Jws.Expected expected = new Jws.Expected(region, company.id(), jti, Jws.sha256(Jws.utf8(token)), status);
        Map<String, Object> claims;
        try {
            claims = withKeys(region, found -> Jws.checkAnswer(got.body(), found, expected));
            // The answer is to a request of this moment, so if its times are wrong, it is this clock that is.
            correct(Instant.ofEpochSecond((long) claims.get("iat"), 500_000_000));
            Jws.checkTimes(claims, now().getEpochSecond());
        } catch (Rejected error) {
            throw new AnswerRejectedException(error.getMessage(), region);
        }
        if (status >= 400) {
            Map<String, Object> problem = claims.get("body") instanceof Map<?, ?> ? Fields.object(claims.get("body")) : Map.of();
            throw new ApiException(problem, status, region, requestId, retryAfter, true);
        }
        return new Answer(status, claims.get("body"), region, requestId, got.body());
    }

    private byte[] sign(String data) {
        try {
            return company.signer().sign(Jws.utf8(data));
        } catch (Exception error) {
            throw new IllegalStateException("the request cannot be signed", error);
        }
    }

    private static long number(Body body, String name) {
        return body.members().get(name) instanceof Long number ? number : 0;
    }

    private static String header(HttpResponse<String> response, String name) {
        return response.headers().firstValue(name).orElse(null);
    }

    private static Map<String, Object> problem(String text) {
        try {
            return Fields.object(Json.parse(text));
        } catch (IllegalArgumentException error) {
            return Map.of();
        }
    }

    /** Takes over the regions' time if this clock differs from it by more than a request takes. */
    private void correct(Instant theirs) {
        Duration found = Duration.between(clock.instant(), theirs);
        if (found.minus(offset).abs().compareTo(SKEW) > 0) {
            offset = found;
        }
    }

    /**
     * Whether a request was signed for another time than the region's, which is then taken over. A rejected request is not answered with a
     * signature: Date is a hint that one more request tries out, of a day at most. The clock may be right by now, because of another
     * request.
     */
    private boolean correctByDate(String date, long signedAt) {
        try {
            Instant theirs = ZonedDateTime.parse(date == null ? "" : date, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
            boolean isFar = Duration.between(clock.instant(), theirs).abs().compareTo(Duration.ofDays(1)) >= 0;
            if (isFar || Math.abs(theirs.getEpochSecond() - signedAt) <= SKEW.toSeconds()) {
                return false;
            }
            correct(theirs.plusMillis(500));
            return true;
        } catch (DateTimeException error) {
            return false;
        }
    }

    /** The regions in the order in which they are asked. */
    private List<String> regions() {
        for (String url : known == null ? inOrder(given) : List.<String>of()) {
            try {
                Map<String, Object> document = Fields.object(Json.parse(send(url, "/.well-known/umoja.json", null, Duration.ZERO).body()));
                Set<String> urls = new LinkedHashSet<>();
                urls.add((String) document.get("issuer"));
                for (Object region : (List<?>) document.get("regions")) {
                    urls.add((String) Fields.object(region).get("url"));
                }
                Set<String> ordered = new LinkedHashSet<>(given);
                ordered.retainAll(urls);
                ordered.addAll(urls);
                ordered.removeIf(one -> url.startsWith("https:") && !one.startsWith("https:"));
                known = List.copyOf(ordered);
                break;
            } catch (NoAnswerException | IllegalArgumentException | ClassCastException | NullPointerException error) {
                outUntil.put(url, clock.instant().plus(OUT));
            }
        }
        return inOrder(known == null ? given : known);
    }

    private List<String> inOrder(List<String> urls) {
        Instant now = clock.instant();
        List<String> ordered = new ArrayList<>(urls);
        ordered.sort(Comparator.comparing(url -> outUntil.getOrDefault(url, Instant.MIN).isAfter(now)));
        return ordered;
    }

    private interface Check<T> {
        T with(List<PublicKey> keys) throws Rejected;
    }

    /** Checks with a region's keys, which are read again if one is missing: regions change them. */
    private <T> T withKeys(String region, Check<T> check) throws Rejected {
        List<PublicKey> kept = keys.get(region);
        if (kept != null) {
            try {
                return check.with(kept);
            } catch (Rejected error) {
                if (!"kid".equals(error.getMessage())) {
                    throw error;
                }
            }
        }
        List<PublicKey> found = new ArrayList<>();
        try {
            String text = send(region, "/.well-known/jwks.json", null, Duration.ZERO).body();
            for (Object one : (List<?>) Fields.object(Json.parse(text)).get("keys")) {
                Map<String, Object> key = Fields.object(one);
                // Keys of other kinds are for other clients.
                if ("EdDSA".equals(key.get("alg"))) {
                    found.add(new PublicKey((String) key.get("kid"), "EdDSA", (String) key.get("x")));
                }
            }
        } catch (IllegalArgumentException | ClassCastException | NullPointerException error) {
            throw new NoAnswerException(region, "its keys cannot be read", error);
        }
        keys.put(region, List.copyOf(found));
        return check.with(found);
    }

    /** Sends a token, or reads a document if it is null. */
    private HttpResponse<String> send(String region, String path, String token, Duration extra) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(region + path))
                .timeout(timeout.plus(extra)).header("User-Agent", "umoja-java/" + VERSION);
        if (token != null) {
            request.header("Content-Type", "application/jwt").header("x-api-key", company.apiKey()).POST(BodyPublishers.ofString(token));
        }
        try {
            return http.send(request.build(), BodyHandlers.ofString());
        } catch (IOException error) {
            throw new NoAnswerException(region, String.valueOf(error), error);
        } catch (InterruptedException error) {
            throw interrupted(error);
        }
    }

    private static UmojaException interrupted(InterruptedException error) {
        Thread.currentThread().interrupt();
        return new UmojaException("the thread was interrupted", error);
    }

    /** Waits before the next round: as long as the region wants, and some more time at random. */
    private static void pause(int round, UmojaException last) {
        int wanted = last instanceof ApiException problem && problem.retryAfter() != null ? problem.retryAfter() : 0;
        if (wanted > MAX_WAIT) {
            throw last;
        }
        double seconds = Math.max(wanted, 0.1 * Math.pow(2, round)) * ThreadLocalRandom.current().nextDouble(1, 1.5);
        try {
            Thread.sleep((long) (seconds * 1000));
        } catch (InterruptedException error) {
            throw interrupted(error);
        }
    }

    /** Whether the same request may succeed in another region, or in a moment. */
    private static boolean isTransient(UmojaException error) {
        if (!(error instanceof ApiException problem)) {
            return error instanceof NoAnswerException || error instanceof AnswerRejectedException;
        }
        if (problem.status() >= 500) {
            return problem.code() != ErrorCode.NO_MAIL;
        }
        return problem.code() == ErrorCode.REPLAYED || problem.code() == ErrorCode.RATE_LIMITED
                || !problem.isSigned() && (problem.status() == 408 || problem.status() == 429);
    }

    /** Whether the region is to be asked last for a while. */
    private static boolean isOut(UmojaException error) {
        return !(error instanceof ApiException problem)
                || problem.status() >= 500 && (!problem.isSigned() || problem.code() == ErrorCode.REGION_NOT_SERVING);
    }
}
