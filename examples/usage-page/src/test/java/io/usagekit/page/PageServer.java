package io.usagekit.page;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;

/** Serves whichever page it is told to, on the loopback interface; organisation {@value #CLOSED} is nobody's to see. */
final class PageServer implements AutoCloseable {

    static final String CLOSED = "closed";

    private final HttpServer server;
    private final ExecutorService threads = Executors.newFixedThreadPool(8);

    PageServer(Supplier<UsagePage> page) {
        try {
            server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        server.setExecutor(threads);
        server.createContext(
                "/usage/",
                exchange -> new UsagePageHandler(page.get(), (client, organisation) -> !organisation.equals(CLOSED))
                        .handle(exchange));
        server.start();
    }

    String url(String address) {
        return "http://127.0.0.1:" + server.getAddress().getPort() + address;
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
