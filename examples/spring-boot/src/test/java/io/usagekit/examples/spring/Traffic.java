package io.usagekit.examples.spring;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.LocalDate;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.Phaser;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/**
 * Requests at a fixed rate for figures of {@code org-01}, to one replica after the other: half of them for a month, the others for days that nobody
 * has requested before, each of them about once from every replica. No request is repeated.
 */
final class Traffic implements AutoCloseable {

    private static final Duration INTERVAL = Duration.ofMillis(25);
    private static final Duration LONGEST = Duration.ofMinutes(2);
    private static final LocalDate FIRST_DAY = LocalDate.parse("2000-01-01");
    private static final String ADA =
            "Basic " + Base64.getEncoder().encodeToString("ada:secret".getBytes(StandardCharsets.UTF_8));
    private static final JsonMapper JSON = new JsonMapper();

    private final HttpClient http = HttpClient.newHttpClient();
    private final ScheduledExecutorService pace = Executors.newSingleThreadScheduledExecutor();
    private final Phaser inProgress = new Phaser(1);
    private final AtomicInteger requests = new AtomicInteger();
    private final String month;

    private final List<URI> replicas = new CopyOnWriteArrayList<>();
    private final ConcurrentMap<URI, Integer> answers = new ConcurrentHashMap<>();
    private final Set<Long> volumes = ConcurrentHashMap.newKeySet();
    private final ConcurrentLinkedQueue<String> errors = new ConcurrentLinkedQueue<>();

    /**
     * Creates it.
     *
     * @param month that is over
     */
    Traffic(String month) {
        this.month = month;
    }

    /** Sends requests to a replica as well. */
    void add(URI replica) {
        answers.put(replica, 0);
        replicas.add(replica);
    }

    /** Sends no more requests to a replica, as an orchestrator does before it ends a process; the replica has received those in progress. */
    void remove(URI replica) {
        replicas.remove(replica);
        http.sendAsync(
                        HttpRequest.newBuilder(replica.resolve("/actuator/health"))
                                .build(),
                        BodyHandlers.discarding())
                .join();
    }

    void start() {
        var unused = pace.scheduleAtFixedRate(this::request, 0, INTERVAL.toMillis(), TimeUnit.MILLISECONDS);
    }

    private void request() {
        int number = requests.getAndIncrement();
        URI replica = replicas.get(number % replicas.size());
        String period = number % 2 == 0 ? month : FIRST_DAY.plusDays(number / 6).toString();
        HttpRequest request = HttpRequest.newBuilder(replica.resolve("/organisations/org-01/usage?period=" + period))
                .header("Authorization", ADA)
                .timeout(LONGEST)
                .build();
        inProgress.register();
        var unused = http.sendAsync(request, BodyHandlers.ofString()).whenComplete((response, failure) -> {
            try {
                record(period, response, failure);
            } finally {
                inProgress.arriveAndDeregister();
            }
        });
    }

    private void record(String period, @Nullable HttpResponse<String> response, @Nullable Throwable failure) {
        if (response == null) {
            errors.add(period + ": " + failure);
        } else if (response.statusCode() != 200 && response.statusCode() != 202) {
            errors.add(period + ": " + response + " " + response.body());
        } else {
            answers.merge(response.uri().resolve("/"), 1, Integer::sum);
            if (response.statusCode() == 200 && period.equals(month)) {
                volumes.add(
                        JSON.readTree(response.body()).at("/received/volume").asLong());
            }
        }
    }

    /** Requests that failed: without a response, or with an error. */
    List<String> errors() {
        return List.copyOf(errors);
    }

    /** How many responses each replica sent, those included that have ended. */
    Map<URI, Integer> answers() {
        return answers;
    }

    /** All numbers of events that the month had. */
    Set<Long> volumes() {
        return volumes;
    }

    /** Sends no more requests, and waits for the responses. */
    @Override
    public void close() {
        pace.shutdownNow();
        inProgress.arriveAndAwaitAdvance();
    }
}
