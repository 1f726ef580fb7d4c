package io.usagekit.page;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.openqa.selenium.By;
import org.openqa.selenium.SessionNotCreatedException;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;
import org.openqa.selenium.logging.LogEntry;
import org.openqa.selenium.logging.LogType;
import org.openqa.selenium.logging.LoggingPreferences;

/** Chromium without a window, from the packages that are installed on this machine. */
final class Browser implements AutoCloseable {

    /** What a machine without Chromium lacks. */
    static final String MISSING =
            "no chromium and chromedriver on this machine (apt-get install chromium chromium-driver)";

    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Duration INTERVAL = Duration.ofMillis(30);
    private static final Path SCREENSHOTS = Path.of("target", "screenshots");

    /** Those that the documentation has. */
    private static final Set<String> SHOWN = Set.of("light", "dark", "phone");

    private static final String AXE = resource("/axe.min.js");

    /** Says with each start that it lacks classes for this version of Chromium, which nothing here needs; kept, since the JDK doesn't. */
    private static final Logger CHATTER = Logger.getLogger("org.openqa.selenium.devtools");

    /** Sizes of windows. */
    enum Window {
        DESKTOP(1280, 900),
        PHONE(390, 844);

        private final int width;
        private final int height;

        Window(int width, int height) {
            this.width = width;
            this.height = height;
        }
    }

    private final ChromeDriver driver;

    private Browser(ChromeDriver driver) {
        this.driver = driver;
    }

    private static Optional<Path> installed(String... names) {
        return Stream.of(names)
                .flatMap(name -> Stream.of("/usr/bin", "/usr/local/bin").map(place -> Path.of(place, name)))
                .filter(Files::isExecutable)
                .findFirst();
    }

    static boolean isAvailable() {
        return installed("chromium").isPresent() && installed("chromedriver").isPresent();
    }

    /** Says which suite is skipped, and why, where the build prints it. */
    static String announceSkipped(Class<?> suite, String why) {
        System.err.println(suite.getSimpleName() + " is skipped: " + why);
        return why;
    }

    /** Starts Chromium; aborts the suite where that can't run, e.g. in a container without what its sandbox needs. */
    static Browser start(Class<?> suite) {
        CHATTER.setLevel(Level.SEVERE);
        ChromeOptions options = new ChromeOptions();
        options.setBinary(installed("chromium").orElseThrow().toFile());
        options.addArguments(
                "--headless=new",
                "--no-sandbox", // as root; it opens pages of this test only
                "--disable-dev-shm-usage",
                "--disable-gpu",
                "--hide-scrollbars",
                "--force-color-profile=srgb",
                "--lang=en");
        LoggingPreferences logs = new LoggingPreferences();
        logs.enable(LogType.BROWSER, Level.ALL);
        options.setCapability(ChromeOptions.LOGGING_PREFS, logs);
        ChromeDriverService service = new ChromeDriverService.Builder()
                .usingDriverExecutable(installed("chromedriver").orElseThrow().toFile())
                .usingAnyFreePort()
                .build();
        ChromeDriver driver;
        try {
            driver = new ChromeDriver(service, options);
        } catch (SessionNotCreatedException e) {
            return Assumptions.abort(announceSkipped(suite, "chromium doesn't start: " + e.getMessage()));
        }
        driver.manage().timeouts().scriptTimeout(PATIENCE).pageLoadTimeout(PATIENCE);
        return new Browser(driver);
    }

    Browser window(Window window) {
        driver.executeCdpCommand(
                "Emulation.setDeviceMetricsOverride",
                Map.of(
                        "width",
                        window.width,
                        "height",
                        window.height,
                        "deviceScaleFactor",
                        1,
                        "mobile",
                        window == Window.PHONE));
        return this;
    }

    Browser dark(String scheme) {
        driver.executeCdpCommand(
                "Emulation.setEmulatedMedia",
                Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", scheme))));
        return this;
    }

    /** Opens an address and waits until its script has run. */
    Browser open(String url) {
        driver.get(url);
        return until("the charts are drawn", "return document.documentElement.dataset.charts !== undefined");
    }

    /** Waits until a script returns true. */
    Browser until(String what, String script) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!Boolean.TRUE.equals(driver.executeScript(script))) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("not so within " + PATIENCE + ": " + what + "\n" + driver.getPageSource());
            }
            LockSupport.parkNanos(INTERVAL.toNanos());
        }
        return this;
    }

    /** Waits until an element's text contains this one. */
    Browser untilText(String selector, String text) {
        return until(
                selector + " says '" + text + "'",
                "return document.querySelector(" + quoted(selector) + ")?.textContent.includes(" + quoted(text)
                        + ") === true");
    }

    private static String quoted(String text) {
        return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
    }

    WebElement find(String selector) {
        return driver.findElement(By.cssSelector(selector));
    }

    String text(String selector) {
        return find(selector).getText();
    }

    String title() {
        return String.valueOf(driver.getTitle());
    }

    Object script(String script) {
        return Objects.requireNonNull(driver.executeScript(script), script);
    }

    WebElement focused() {
        return driver.switchTo().activeElement();
    }

    /** What the console says, of the level of errors and warnings. */
    List<String> consoleErrors() {
        return driver.manage().logs().get(LogType.BROWSER).getAll().stream()
                .filter(entry -> entry.getLevel().intValue() >= Level.WARNING.intValue())
                .map(LogEntry::getMessage)
                .toList();
    }

    /** What axe finds that is serious or critical, a line a rule. */
    List<?> axeFindings() {
        driver.executeScript(AXE);
        return (List<?>) Objects.requireNonNull(driver.executeAsyncScript("""
                const done = arguments[arguments.length - 1];
                axe.run().then((results) => done(results.violations
                    .filter((found) => ["serious", "critical"].includes(found.impact))
                    .map((found) => found.id + ": " + found.help + " "
                        + found.nodes.map((node) => node.html.slice(0, 160) + " " + node.failureSummary).join("\\n"))))
                    .catch((error) => done(["axe failed: " + error]));
                """));
    }

    /** Whether anything is wider than the window. */
    boolean scrollsSideways() {
        return (Boolean) script("return document.documentElement.scrollWidth > window.innerWidth");
    }

    /** Stores a picture of the whole page as {@code target/screenshots/NAME.png}, and one of the documentation where {@code -Dscreenshots} says. */
    void screenshot(String name) {
        Map<String, Object> size = driver.executeCdpCommand("Page.getLayoutMetrics", Map.of());
        Map<?, ?> content = (Map<?, ?>) Objects.requireNonNull(size.get("cssContentSize"));
        Map<String, Object> picture = driver.executeCdpCommand(
                "Page.captureScreenshot",
                Map.of(
                        "format",
                        "png",
                        "captureBeyondViewport",
                        true,
                        "clip",
                        Map.of(
                                "x", 0,
                                "y", 0,
                                "width", Objects.requireNonNull(content.get("width")),
                                "height", Objects.requireNonNull(content.get("height")),
                                "scale", 1)));
        byte[] octets = Base64.getDecoder().decode((String) Objects.requireNonNull(picture.get("data")));
        try {
            Files.createDirectories(SCREENSHOTS);
            Files.write(SCREENSHOTS.resolve(name + ".png"), octets);
            String folder = System.getProperty("usagekit.screenshots", "");
            if (!folder.isEmpty() && SHOWN.contains(name)) {
                Files.createDirectories(Path.of(folder));
                Files.write(Path.of(folder, "usage-page-" + name + ".png"), octets);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String resource(String name) {
        try (InputStream content = Objects.requireNonNull(Browser.class.getResourceAsStream(name), name)) {
            return new String(content.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        driver.quit();
    }
}
