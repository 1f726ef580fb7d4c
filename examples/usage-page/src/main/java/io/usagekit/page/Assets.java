package io.usagekit.page;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.Optional;

/** Files that the page loads: its style and script, and the library that draws the charts. */
final class Assets {

    /** A file. */
    record Asset(String type, UsagePageResponse.Body body) {}

    private static final String CHARTS = "/META-INF/resources/webjars/uplot/1.6.30/dist/";

    private static final Map<String, Asset> ALL = Map.of(
            "usage-page.css", read("assets/usage-page.css", "text/css; charset=utf-8"),
            "usage-page.js", read("assets/usage-page.js", "text/javascript; charset=utf-8"),
            "icon.svg", read("assets/icon.svg", "image/svg+xml"),
            "uPlot.min.css", read(CHARTS + "uPlot.min.css", "text/css; charset=utf-8"),
            "uPlot.js", read(CHARTS + "uPlot.esm.js", "text/javascript; charset=utf-8"));

    private Assets() {}

    static Optional<Asset> named(String name) {
        return Optional.ofNullable(ALL.get(name));
    }

    private static Asset read(String resource, String type) {
        try (InputStream content = Assets.class.getResourceAsStream(resource)) {
            if (content == null) {
                throw new IllegalStateException("the resource " + resource + " isn't on the class path");
            }
            return new Asset(type, UsagePageResponse.body(content.readAllBytes()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
