package io.usagekit.redis;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

/** Masters of a cluster that say of its slots what a test lets them say, and have no keys. */
final class ScriptedMasters implements AutoCloseable {

    private static final String HELLO = lines(
            "%7",
            "+server",
            "+redis",
            "+version",
            "+6.2.0",
            "+proto",
            ":3",
            "+id",
            ":1",
            "+mode",
            "+cluster",
            "+role",
            "+master",
            "+modules",
            "*0");

    /**
     * What a master says of itself or another one.
     *
     * @param slots e.g. {@code 0-8191}
     */
    record Claim(int master, long epoch, String slots) {}

    private final class Master {
        private final ServerSocket listener;
        private final AtomicInteger asked = new AtomicInteger();
        private volatile String nodes = "";

        Master() throws IOException {
            listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        }

        void listen() {
            try {
                while (true) {
                    Socket connection = listener.accept();
                    connections.add(connection);
                    start(() -> answer(connection));
                }
            } catch (IOException e) {
                // The test has ended.
            }
        }

        private void answer(Socket connection) {
            try (BufferedReader in =
                    new BufferedReader(new InputStreamReader(connection.getInputStream(), StandardCharsets.UTF_8))) {
                OutputStream out = connection.getOutputStream();
                for (String line = in.readLine(); line != null; line = in.readLine()) {
                    List<String> command = new ArrayList<>();
                    for (int words = Integer.parseInt(line.substring(1)); words > 0; words--) {
                        in.readLine(); // its length
                        command.add(in.readLine());
                    }
                    out.write(answer(command).getBytes(StandardCharsets.UTF_8));
                }
            } catch (IOException e) {
                // The client or the test has closed the connection.
            }
        }

        private String answer(List<String> command) {
            return switch (command.get(0)) {
                case "HELLO" -> HELLO;
                case "CLUSTER" -> {
                    String text = nodes;
                    asked.incrementAndGet();
                    yield lines("$" + text.length(), text);
                }
                case "GET" -> lines("_");
                case "PTTL" -> lines(":-2");
                default -> lines("+OK");
            };
        }
    }

    private final List<Master> masters = new ArrayList<>();
    private final List<Socket> connections = new CopyOnWriteArrayList<>();

    ScriptedMasters(int count) {
        try {
            for (int i = 0; i < count; i++) {
                masters.add(new Master());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        masters.forEach(master -> start(master::listen));
    }

    private static String lines(String... lines) {
        return String.join("\r\n", lines) + "\r\n";
    }

    private static void start(Runnable task) {
        Thread thread = new Thread(task, "scripted-master");
        thread.setDaemon(true);
        thread.start();
    }

    String address(int master) {
        return "127.0.0.1:" + masters.get(master).listener.getLocalPort();
    }

    /** Lets a master say this from now on. */
    void say(int master, Claim... claims) {
        StringBuilder nodes = new StringBuilder();
        for (Claim claim : claims) {
            nodes.append(String.valueOf((char) ('a' + claim.master())).repeat(40))
                    .append(' ')
                    .append(address(claim.master()))
                    .append("@1 ")
                    .append(claim.master() == master ? "myself,master" : "master")
                    .append(" - 0 0 ")
                    .append(claim.epoch())
                    .append(" connected ")
                    .append(claim.slots())
                    .append('\n');
        }
        masters.get(master).nodes = nodes.toString();
    }

    /** Lets all masters say this from now on. */
    void sayAll(Claim... claims) {
        IntStream.range(0, masters.size()).forEach(master -> say(master, claims));
    }

    /** Returns how often a master was asked. */
    int asked(int master) {
        return masters.get(master).asked.get();
    }

    @Override
    public void close() {
        try {
            for (Master master : masters) {
                master.listener.close();
            }
            for (Socket connection : connections) {
                connection.close();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
