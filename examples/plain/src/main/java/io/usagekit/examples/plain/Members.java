package io.usagekit.examples.plain;

import com.sun.net.httpserver.BasicAuthenticator;
import com.sun.net.httpserver.HttpExchange;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Map;
import java.util.Set;

/** Who calls, and whose usage they may read. A real control plane asks its identity provider. */
final class Members extends BasicAuthenticator {

    private static final Map<String, String> PASSWORDS = Map.of("ada", "secret");
    private static final Map<String, Set<String>> ORGANISATIONS = Map.of("ada", Set.of("org-01"));

    Members() {
        super("usage");
    }

    @Override
    public boolean checkCredentials(String user, String password) {
        byte[] expected = PASSWORDS.getOrDefault(user, "").getBytes(StandardCharsets.UTF_8);
        return expected.length > 0 && MessageDigest.isEqual(expected, password.getBytes(StandardCharsets.UTF_8));
    }

    /** Whether the exchange's caller is a member of the organisation. */
    static boolean mayRead(HttpExchange exchange, String organisationId) {
        return ORGANISATIONS
                .getOrDefault(exchange.getPrincipal().getUsername(), Set.of())
                .contains(organisationId);
    }
}
