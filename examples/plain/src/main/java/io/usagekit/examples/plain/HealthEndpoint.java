package io.usagekit.examples.plain;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import io.usagekit.UsageCache;
import io.usagekit.UsageException;
import io.usagekit.UsageService;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupStatus;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;

/** {@code GET /health}: 200 while figures can be computed, 503 otherwise; cached figures are served either way. */
record HealthEndpoint(UsageService usage, PostgresRollups rollups) implements HttpHandler {

    private static final Duration TIMEOUT = Duration.ofSeconds(1);

    @Override
    public void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            boolean up = isComputable();
            UsageCache.Condition redis = usage.stats().cache().shared();
            byte[] body = ("{\"status\":\"" + (up ? "UP" : "DOWN") + "\",\"redis\":\"" + redis + "\"}")
                    .getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(up ? 200 : 503, body.length);
            exchange.getResponseBody().write(body);
        }
    }

    private boolean isComputable() {
        try {
            Optional<RollupStatus> status = rollups.status(TIMEOUT);
            return status.isPresent();
        } catch (UsageException e) {
            return false;
        }
    }
}
