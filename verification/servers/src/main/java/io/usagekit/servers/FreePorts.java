package io.usagekit.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.List;

/** Starts servers on ports that were free a moment before; a server's message says if one was taken. */
final class FreePorts {

    private static final int ATTEMPTS = 10;

    private FreePorts() {}

    /**
     * Starts servers.
     *
     * @param <T> the servers
     */
    interface Starter<T> {
        T start() throws IOException;
    }

    /**
     * Starts servers, again on other ports if one was taken meanwhile: the system gives them to connections as well.
     *
     * @param starter chooses ports each time
     */
    static <T> T start(Starter<T> starter) throws IOException {
        for (int attempt = 1; ; attempt++) {
            try {
                return starter.start();
            } catch (UncheckedIOException | IllegalStateException e) {
                if (attempt == ATTEMPTS || !isTaken(e)) {
                    throw e;
                }
            }
        }
    }

    /** Chooses ports of the loopback address that are free now. */
    static int[] choose(int count) throws IOException {
        List<ServerSocket> sockets = new ArrayList<>();
        try {
            for (int i = 0; i < count; i++) {
                sockets.add(new ServerSocket(0, 1, InetAddress.getLoopbackAddress()));
            }
            return sockets.stream().mapToInt(ServerSocket::getLocalPort).toArray();
        } finally {
            for (ServerSocket socket : sockets) {
                socket.close();
            }
        }
    }

    private static boolean isTaken(Throwable e) {
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause.getMessage() != null && cause.getMessage().contains("Address already in use")) {
                return true;
            }
        }
        return false;
    }
}
