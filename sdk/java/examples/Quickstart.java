import dev.umoja.sdk.Umoja;
import dev.umoja.sdk.model.Authenticate;
import dev.umoja.sdk.model.Register;
import java.nio.file.Path;
import java.util.Arrays;

/** Registers a person, and checks the password. */
public final class Quickstart {
    public static void main(String[] arguments) throws Exception {
        Umoja umoja = Umoja.open(Path.of(arguments[0]), Arrays.copyOfRange(arguments, 1, arguments.length));
        var user = umoja.register(new Register().email("ada-" + System.nanoTime() + "@example.com").password("correct horse battery")).user();
        var login = umoja.authenticate(new Authenticate().id(user.id()).password("correct horse battery"));
        System.out.println(user.id() + " " + login.authenticated());
    }
}
