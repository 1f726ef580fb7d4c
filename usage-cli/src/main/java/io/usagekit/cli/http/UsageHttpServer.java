package io.usagekit.cli.http;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.usagekit.UsageException;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.cli.support.Failures;
import io.usagekit.format.UsageResponseFormatter;
import io.usagekit.page.UsagePage;
import io.usagekit.page.UsagePageHandler;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * {@code GET /organisations/{id}/usage?period=2026-03}, or {@code ?from=&to=}, with {@code &zone=} and
 * {@code &freshness=true}, on the loopback interface. Errors are {@code {"status": false, "message": "..."}}.
 */
public final class UsageHttpServer implements AutoCloseable {

    private static final int MAX_PORT = 65_535;
    private static final int THREADS = 32;
    private static final String ALLOWED = "GET, HEAD";
    private static final JsonFactory JSON = new JsonFactory();
    private static final UsageResponseFormatter FORMATTER = UsageResponseFormatter.enveloped();

    private final HttpServer server;
    private final ExecutorService threads = Executors.newFixedThreadPool(THREADS);
    private final AtomicBoolean closed = new AtomicBoolean();

    private record Answer(int status, String json) {}

    private UsageHttpServer(HttpServer server) {
        this.server = server;
    }

    /**
     * Takes the port, so that nobody waits for the demo to load only to learn that it is taken. Answers from {@link #serve} on.
     *
     * @param port 0 takes any that is free
     * @throws UncheckedIOException if the port is taken
     */
    public static UsageHttpServer bind(int port) {
        requirePort(port);
        try {
            return new UsageHttpServer(
                    HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0));
        } catch (BindException e) {
            throw new UncheckedIOException("port " + port + " is taken; pass another --port, or 0 for any", e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Rejects what isn't a port. */
    public static void requirePort(int port) {
        if (port < 0 || port > MAX_PORT) {
            throw new IllegalArgumentException("port must be 0 to " + MAX_PORT + ", but was " + port);
        }
    }

    /** Starts the server. */
    public void serve(UsageService usage) {
        server.createContext("/", exchange -> handle(exchange, usage));
        server.setExecutor(threads);
        server.start();
    }

    /** Starts the server with the figures and the page of each organisation, without an access rule: each process of this machine can read them. */
    public void serve(UsageService usage, UsagePage page) {
        server.createContext(page.basePath() + "/", new UsagePageHandler(page, (exchange, organisation) -> true));
        serve(usage);
    }

    /** Where it listens: {@code http://127.0.0.1:8080}. */
    public URI url() {
        InetSocketAddress address = server.getAddress();
        return URI.create("http://" + address.getAddress().getHostAddress() + ":" + address.getPort());
    }

    private static void handle(HttpExchange exchange, UsageService usage) throws IOException {
        try (exchange) {
            Answer answer = answer(exchange, usage);
            byte[] body = answer.json().getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json; charset=utf-8");
            if (exchange.getRequestMethod().equals("HEAD")) {
                exchange.getResponseHeaders().set("Content-Length", Integer.toString(body.length));
                exchange.sendResponseHeaders(answer.status(), -1);
                return;
            }
            exchange.sendResponseHeaders(answer.status(), body.length);
            exchange.getResponseBody().write(body);
        }
    }

    private static Answer answer(HttpExchange exchange, UsageService usage) {
        Optional<String> organisation =
                UsageRequest.organisation(exchange.getRequestURI().getRawPath());
        if (organisation.isEmpty()) {
            return error(404, "there is only /organisations/{id}/usage");
        }
        String method = exchange.getRequestMethod();
        if (!method.equals("GET") && !method.equals("HEAD")) {
            exchange.getResponseHeaders().set("Allow", ALLOWED);
            return error(405, "method must be one of " + ALLOWED + ", but was " + method);
        }
        try {
            UsageRequest request =
                    UsageRequest.of(organisation.get(), exchange.getRequestURI().getRawQuery());
            UsageResult result =
                    usage.get(request.key().organisationId(), request.key().period());
            return new Answer(200, (request.withFreshness() ? FORMATTER.withFreshness() : FORMATTER).toJson(result));
        } catch (IllegalArgumentException e) {
            return error(400, Failures.describe(e));
        } catch (UsageException e) {
            return error(503, Failures.describe(e));
        } catch (RuntimeException e) {
            return error(500, Failures.describe(e));
        }
    }

    private static Answer error(int status, String message) {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = JSON.createGenerator(text)) {
            json.writeStartObject();
            json.writeBooleanField("status", false);
            json.writeStringField("message", message);
            json.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e); // into a string? never
        }
        return new Answer(status, text.toString());
    }

    /** Answers nobody any more. Idempotent. */
    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            server.stop(0);
            threads.shutdownNow();
        }
    }
}
