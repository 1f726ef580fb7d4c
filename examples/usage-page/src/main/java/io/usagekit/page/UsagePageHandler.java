package io.usagekit.page;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import java.io.IOException;
import java.util.Objects;
import java.util.Optional;

/**
 * Serves a {@link UsagePage} with the JDK's HTTP server: {@code server.createContext(page.basePath() + "/", handler)}. Give the server an executor
 * of several threads.
 */
public final class UsagePageHandler implements HttpHandler {

    /** The host's rule of who may see whose usage. */
    @FunctionalInterface
    public interface Access {

        /** Returns whether the client of this exchange may see the organisation's usage. */
        boolean isAllowed(HttpExchange exchange, String organisationId);
    }

    private final UsagePage page;
    private final Access access;

    /**
     * Serves the page.
     *
     * @param access is called before anything of an organisation is read
     */
    public UsagePageHandler(UsagePage page, Access access) {
        this.page = Objects.requireNonNull(page, "page");
        this.access = Objects.requireNonNull(access, "access");
    }

    @Override
    public void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            UsagePageResponse response = respond(exchange);
            try (UsagePageResponse.Body body = response.body()) {
                response.headers()
                        .forEach((name, value) -> exchange.getResponseHeaders().set(name, value));
                if (exchange.getRequestMethod().equals("HEAD")) {
                    exchange.getResponseHeaders().set("Content-Length", Long.toString(body.length()));
                    exchange.sendResponseHeaders(response.status(), -1);
                } else {
                    exchange.sendResponseHeaders(response.status(), body.length() == 0 ? -1 : body.length());
                    body.writeTo(exchange.getResponseBody());
                }
            }
        }
    }

    private UsagePageResponse respond(HttpExchange exchange) {
        String method = exchange.getRequestMethod();
        if (!method.equals("GET") && !method.equals("HEAD")) {
            return page.refuse(405, "The method must be GET or HEAD, but was " + method);
        }
        Optional<UsagePageRequest> request;
        try {
            request = UsagePageRequest.parse(
                    page.basePath(),
                    exchange.getRequestURI().getRawPath(),
                    exchange.getRequestURI().getRawQuery());
        } catch (IllegalArgumentException e) {
            return page.refuse(400, "The address can't be read: " + e.getMessage());
        }
        if (request.isEmpty()) {
            return page.refuse(404, "There is no such page");
        }
        Optional<String> organisation = request.get().organisationId();
        return organisation.isPresent() && !access.isAllowed(exchange, organisation.get())
                ? page.refuse(403, "You may not see the usage of this organisation")
                : page.respond(request.get());
    }
}
