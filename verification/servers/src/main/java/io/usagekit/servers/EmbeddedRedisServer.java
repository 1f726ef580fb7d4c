package io.usagekit.servers;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import redis.embedded.RedisInstance;
import redis.embedded.core.RedisServerBuilder;

/**
 * A Redis server of this JVM, from binaries on the class path or {@link RedisExecutable another executable}, on the loopback interface, without
 * persistence. It can be killed and started again on the same port, and paused. Not thread-safe.
 *
 * @since 0.1
 */
public final class EmbeddedRedisServer implements RedisServer {

    private final Path executable;
    private final int port;
    private final List<String> settings;
    private final Thread hook = new Thread(this::resume, "usagekit-redis-resume");
    private RedisInstance redis;
    private ProcessHandle process;
    private volatile boolean paused;

    private EmbeddedRedisServer(Path executable, int port, List<String> settings) {
        this.executable = executable;
        this.port = port;
        this.settings = settings;
        launch();
        // The library's own hook waits for the process, which doesn't end while it is paused.
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /**
     * On a free port.
     *
     * @param settings lines of {@code redis.conf}
     * @throws UncheckedIOException if it can't be started on this machine
     */
    public static EmbeddedRedisServer start(String... settings) {
        try {
            return FreePorts.start(() -> startOn(FreePorts.choose(1)[0], settings));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * On a port that another one had, e.g. with other settings after that was killed.
     *
     * @param settings lines of {@code redis.conf}
     * @throws UncheckedIOException if it can't be started on this machine
     */
    public static EmbeddedRedisServer startOn(int port, String... settings) {
        return startOn(RedisExecutable.ofEnvironment(), port, settings);
    }

    static EmbeddedRedisServer startOn(Path executable, int port, String... settings) {
        return new EmbeddedRedisServer(executable, port, List.of(settings));
    }

    private static Set<Long> children() {
        return ProcessHandle.current().children().map(ProcessHandle::pid).collect(Collectors.toSet());
    }

    private void launch() {
        Set<Long> before = children();
        try {
            RedisServerBuilder builder = new RedisServerBuilder()
                    .executableProvider(executable::toFile)
                    .port(port)
                    .bind("127.0.0.1")
                    .setting("save \"\"")
                    .setting("appendonly no");
            settings.forEach(builder::setting);
            redis = builder.build();
            redis.start();
        } catch (IOException e) {
            throw new UncheckedIOException("embedded Redis can't be started: " + e.getMessage(), e);
        }
        process = ProcessHandle.current()
                .children()
                .filter(child -> !before.contains(child.pid()))
                .filter(child -> isRedis(child.info().command().orElse("")))
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("the Redis process that was started can't be found"));
    }

    /** Other children of this JVM are other servers, and processes of tests. */
    private static boolean isRedis(String command) {
        return command.contains("redis") || command.contains("valkey");
    }

    /** Ends it as {@code kill -9} does and returns when it is gone, and its keys with it. */
    public void kill() {
        process.destroyForcibly();
        process.onExit().join();
        paused = false;
    }

    /**
     * Stops it where it is (SIGSTOP): its connections stay, the system accepts new ones, and nobody answers until
     * {@link #resume()}. It can be killed and closed meanwhile.
     */
    public void pause() {
        Signal.STOP.send(List.of(process));
        paused = true;
    }

    /** Lets it go on after {@link #pause()}, with all that was sent to it meanwhile; harmless if it isn't paused. */
    public void resume() {
        if (paused) {
            Signal.CONT.send(List.of(process));
            paused = false;
        }
    }

    /** Starts it again after {@link #kill()}: same port, no keys. */
    public void restart() {
        stop();
        launch();
    }

    /** Returns the port that it listens on. */
    int port() {
        return port;
    }

    /** Returns the answer of the server at a port to a command, or the error of the attempt to send it. */
    static String ask(int port, String command) {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port);
                BufferedReader in =
                        new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8))) {
            socket.setSoTimeout(1_000); // one that hangs
            socket.getOutputStream().write((command + "\r\n").getBytes(StandardCharsets.UTF_8));
            socket.shutdownOutput(); // after which the server answers and closes; a Sentinel knows no QUIT
            return String.join("\n", in.lines().toList());
        } catch (IOException | UncheckedIOException e) {
            return e.toString();
        }
    }

    @Override
    public String url() {
        return "redis://127.0.0.1:" + port;
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The JVM is ending.
        }
        stop();
    }

    private void stop() {
        resume();
        try {
            redis.stop();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
