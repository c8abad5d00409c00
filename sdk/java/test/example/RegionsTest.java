package example;

import dev.umoja.sdk.ApiException;
import dev.umoja.sdk.Company;
import dev.umoja.sdk.ErrorCode;
import dev.umoja.sdk.NoAnswerException;
import dev.umoja.sdk.Umoja;
import dev.umoja.sdk.WebhookRejectedException;
import dev.umoja.sdk.Webhooks;
import dev.umoja.sdk.model.Authenticate;
import dev.umoja.sdk.model.Events;
import dev.umoja.sdk.model.ListEvents;
import dev.umoja.sdk.model.Lookup;
import dev.umoja.sdk.model.PasswordChange;
import dev.umoja.sdk.model.ProfilePatch;
import dev.umoja.sdk.model.Provision;
import dev.umoja.sdk.model.Register;
import dev.umoja.sdk.model.Update;
import dev.umoja.sdk.model.User;
import dev.umoja.sdk.model.UserPatch;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/** The packed library at the deployment that sdk/test/deployment.py runs. */
public final class RegionsTest {
    private static final Path FILE = Path.of(System.getenv("UMOJA_COMPANY"));
    private static final String FIRST = System.getenv("UMOJA_REGIONS").split(" ")[0];
    private static final String SECOND = System.getenv("UMOJA_REGIONS").split(" ")[1];
    private static final String TARGET = System.getenv("UMOJA_TARGET");
    private static Company company;

    public static void main(String[] arguments) throws Exception {
        company = Company.read(FILE);
        personIsFound();
        problemsHaveCodes();
        wrongClockIsCorrected();
        lostAnswerIsAskedForAgain();
        nextRegionAnswers();
        eventsContinueInAnotherRegion();
        accountsAreWaitedFor();
        webhooksAreVerified();
        System.out.println("8 tests");
    }

    private static void personIsFound() throws Exception {
        Umoja umoja = Umoja.open(FILE, FIRST);
        String email = address();
        var registered = umoja.register(new Register().email(email).password("a long pass phrase").profile(new ProfilePatch().name("Ọlá 😀")));
        same(registered.outcome() + registered.user().profile().name(), "createdỌlá 😀");
        String id = registered.user().id();
        same(umoja.authenticate(new Authenticate().email(email).password("a long pass phrase")).authenticated(), true);
        same(umoja.authenticate(new Authenticate().email(email).password("another")).authenticated(), false);
        same(umoja.changePassword(new PasswordChange().id(id).currentPassword("a long pass phrase").newPassword("and a longer phrase")).changed(), true);
        UserPatch patch = new UserPatch().profile(new ProfilePatch().name(null).nickname("Ọ"));
        User updated = umoja.update(new Update().id(id).set(patch)).user();
        same(updated.profile().name() + updated.profile().nickname(), "nullỌ");
        same(umoja.lookup(new Lookup().email(email)).user().accounts().keySet(), java.util.Set.of("soko"));
    }

    private static void problemsHaveCodes() {
        try {
            client(FIRST).lookup(new Lookup().username("an-unknown-name"));
            throw new AssertionError("found");
        } catch (ApiException error) {
            same(List.of(error.code(), error.status(), error.isSigned(), error.region()), List.of(ErrorCode.USER_NOT_FOUND, 404, true, FIRST));
            same(error.getMessage().contains(error.requestId()), true);
        }
        Company stranger = new Company(company.id(), "wrong", company.kid(), company.alg(), company.signer());
        try {
            Umoja.builder(stranger, FIRST).build().lookup(new Lookup().username("x"));
            throw new AssertionError("found");
        } catch (ApiException error) {
            same(List.of(error.code(), error.isSigned()), List.of(ErrorCode.UNAUTHORIZED, false));
        }
    }

    private static void wrongClockIsCorrected() {
        for (int seconds : new int[] {-10_800, 10_800, 36}) {
            Duration off = Duration.ofSeconds(seconds);
            Umoja umoja = Umoja.builder(company, FIRST).clock(Clock.offset(Clock.systemUTC(), off)).build();
            IntStream.range(0, 3).parallel().forEach(one -> umoja.register(new Register().email(address())));
            same(umoja.clockOffset().plus(off).abs().compareTo(Duration.ofSeconds(3)) < 0, true);
        }
    }

    private static void lostAnswerIsAskedForAgain() throws Exception {
        Umoja umoja = client(FIRST);
        String email = address();
        String idk = UUID.randomUUID().toString();
        disturb("lose/0");
        var registered = umoja.register(new Register().email(email), idk);
        var again = umoja.register(new Register().email(email), idk);
        same(List.of(registered.outcome(), again.outcome(), again.user().id()), List.of("created", "created", registered.user().id()));
    }

    private static void nextRegionAnswers() throws Exception {
        Umoja umoja = client(FIRST);
        User user = umoja.register(new Register().email(address())).user();
        disturb("stop/0");
        try {
            Lookup lookup = new Lookup().id(user.id()).minVersion(user.version());
            same(umoja.call("/v1/users/lookup", lookup, null).region(), SECOND);
            same(client(FIRST, SECOND).lookup(lookup).user().id(), user.id());
            disturb("stop/1");
            try {
                umoja.lookup(lookup);
                throw new AssertionError("found");
            } catch (NoAnswerException error) {
                same(error.getMessage().startsWith("no answer of http"), true);
            }
        } finally {
            disturb("start/0");
            disturb("start/1");
        }
        same(umoja.lookup(new Lookup().id(user.id())).user().id(), user.id());
    }

    private static void eventsContinueInAnotherRegion() {
        Umoja umoja = client(FIRST);
        long after = Instant.now().getEpochSecond();
        String id = umoja.register(new Register().email(address())).user().id();
        String[] cursor = new String[1];
        umoja.events(new ListEvents().after(after).waitSecs(5L), false, page -> {
            cursor[0] = page.cursor();
            return !has(id, "registered").test(page);
        });
        umoja.update(new Update().id(id).set(new UserPatch().profile(new ProfilePatch().name("Ada"))));
        client(SECOND).events(cursor[0], has(id, "profile_changed").negate());
        umoja.events(new ListEvents().after(after).limit(1L), true, page -> !page.events().isEmpty());
    }

    private static Predicate<Events> has(String id, String type) {
        return page -> page.events().stream().anyMatch(event -> event.subject().equals(id) && event.type().equals("umoja.user." + type));
    }

    private static void accountsAreWaitedFor() {
        Umoja umoja = client(FIRST);
        String id = umoja.register(new Register().email(address())).user().id();
        String ticket = umoja.provision(new Provision().id(id).targets(List.of(TARGET))).provisioning().ticket();
        var account = umoja.waitForProvisioning(ticket, Duration.ofMinutes(1)).accounts().get(0);
        same(account.target() + account.state(), TARGET + "done");
    }

    private static void webhooksAreVerified() throws Exception {
        Umoja umoja = client(FIRST);
        umoja.register(new Register().email(address()));
        String secret = value("secret", Files.readString(Path.of(System.getenv("UMOJA_WEBHOOK"))));
        String arrived = "[]";
        while (arrived.equals("[]")) {
            arrived = control(HttpRequest.newBuilder(), "webhooks");
        }
        Map<String, String> headers = new HashMap<>();
        for (String name : List.of("webhook-id", "webhook-timestamp", "webhook-signature", "umoja-signature")) {
            headers.put(name, value(name, arrived));
        }
        byte[] body = value("body", arrived).replace("\\\"", "\"").getBytes(StandardCharsets.UTF_8);
        Instant at = Instant.ofEpochSecond(Long.parseLong(headers.get("webhook-timestamp")));
        var event = Webhooks.verify(body, headers, at, secret);
        same(umoja.verifyWebhook(body, headers), event);
        try {
            umoja.verifyWebhook("{}".getBytes(StandardCharsets.UTF_8), headers);
            throw new AssertionError("accepted");
        } catch (WebhookRejectedException error) {
            same(error.reason(), "sha256");
        }
    }

    /** The first text of this name: the library keeps its JSON to itself. */
    private static String value(String name, String json) {
        Matcher found = Pattern.compile("\"" + name + "\": ?\"((?:[^\"\\\\]|\\\\.)*)\"").matcher(json);
        same(found.find(), true);
        return found.group(1);
    }

    private static Umoja client(String... regions) {
        return Umoja.builder(company, regions).build();
    }

    private static String address() {
        return "person-" + UUID.randomUUID() + "@example.com";
    }

    private static void disturb(String what) throws Exception {
        control(HttpRequest.newBuilder().POST(HttpRequest.BodyPublishers.noBody()), what);
    }

    private static String control(HttpRequest.Builder request, String path) throws Exception {
        URI url = URI.create(System.getenv("UMOJA_CONTROL") + "/" + path);
        HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        return http.send(request.uri(url).build(), BodyHandlers.ofString()).body();
    }

    private static void same(Object found, Object expected) {
        if (!Objects.equals(found, expected)) {
            throw new AssertionError("found " + found + ", expected " + expected);
        }
    }
}
