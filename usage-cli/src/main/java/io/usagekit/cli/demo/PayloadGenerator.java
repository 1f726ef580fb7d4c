package io.usagekit.cli.demo;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Makes bodies like those of real webhooks: JSON with long repetitive URLs, text of people in many scripts, of a size that is
 * given to the octet. The same random numbers make the same body. Not thread-safe.
 */
final class PayloadGenerator {

    private static final List<String> LINKS = List.of(
            "archive",
            "assignees",
            "blobs",
            "branches",
            "collaborators",
            "comments",
            "commits",
            "compare",
            "contents",
            "contributors",
            "deployments",
            "downloads",
            "events",
            "forks",
            "git_commits",
            "git_refs",
            "git_tags",
            "hooks",
            "issue_comment",
            "issue_events",
            "issues",
            "keys",
            "labels",
            "languages",
            "merges",
            "milestones",
            "notifications",
            "pulls",
            "releases",
            "stargazers",
            "statuses",
            "subscribers",
            "subscription",
            "tags",
            "teams",
            "trees");
    private static final List<String> LOGINS = List.of(
            "anneli",
            "baptiste",
            "chidi",
            "dilnoza",
            "eun-ji",
            "fatima",
            "goran",
            "hoang",
            "ines",
            "jurgen",
            "kaveh",
            "leilani",
            "mateo",
            "nkechi",
            "oyvind",
            "paola",
            "quentin",
            "ravi",
            "siobhan",
            "tomasz",
            "ulises",
            "vesna",
            "wanjiru",
            "ximena",
            "yusuf",
            "zeynep");
    private static final List<String> NAMES = List.of(
            "Anneli Mäkelä",
            "Baptiste Lefèvre",
            "Chidi Okafor",
            "Dilnoza Karimova",
            "은지 김",
            "فاطمة حداد",
            "Горан Петровић",
            "Hoàng Nguyễn",
            "Inês Gonçalves",
            "Jürgen Groß",
            "کاوه رضایی",
            "Leilani Kealoha",
            "Mateo Ibáñez",
            "Nkechi Eze",
            "Øyvind Bjørnstad",
            "Paola Conti",
            "Quentin Tremblay",
            "रवि शर्मा",
            "Siobhán Ní Bhriain",
            "Tomasz Żółkiewski",
            "Ulises Peña",
            "Весна Илић",
            "Wanjirũ Mwangi",
            "Ximena Núñez",
            "Yusuf Çelik",
            "山田 太郎");
    private static final List<String> WORDS = List.of(
            "the",
            "a",
            "this",
            "build",
            "fails",
            "when",
            "after",
            "with",
            "branch",
            "release",
            "merge",
            "review",
            "test",
            "index",
            "cache",
            "timeout",
            "request",
            "response",
            "webhook",
            "delivery",
            "payload",
            "retry",
            "queue",
            "on",
            "to",
            "of",
            "and",
            "is",
            "not",
            "fixed",
            "in",
            "version",
            "upgrade",
            "please",
            "see",
            "steps",
            "reproduce",
            "expected",
            "actual",
            "thanks",
            "connection",
            "pool",
            "server",
            "client",
            "update",
            "documentation",
            "type",
            "error",
            "null",
            "value",
            "default",
            "option",
            "config",
            "deploy",
            "staging",
            "production",
            "rollback");
    private static final List<String> PHRASES = List.of(
            "📦⚡️ ships it",
            "naïve façade",
            "größer als zulässig",
            "再現手順は次のとおりです",
            "не воспроизводится",
            "δεν λειτουργεί",
            "यह काम नहीं करता",
            "لا يعمل بعد التحديث",
            "✅ done",
            "❌ broken",
            "“quoted” — and dashed…",
            "작동하지 않습니다",
            "ça marche déjà",
            "👩‍💻 pairing with 👨🏽‍🔧",
            "已在主分支修复",
            "lub później");
    private static final String[] BREAKS = {". ", ", ", "\\n\\n", "\\n- ", " \\\"", "\\\" ", " `", "` "};

    /** A pull request, for one, says three times all there is to say about a repository. */
    private static final List<String> REPOSITORIES = List.of("repository", "head", "base", "fork", "parent", "source");

    /** No repository is as large as this, what follows included. */
    private static final int REPOSITORY_OCTETS = 4_800;

    /** No commit is as large as this, what follows included. */
    private static final int COMMIT_OCTETS = 1_000;

    private static final String HOST = "https://api.git.example/";

    private final ByteArrayOutputStream body = new ByteArrayOutputStream(1 << 15);

    /**
     * A body.
     *
     * @param size in octets, at least 900
     */
    byte[] body(SplittableRandom random, String type, int size) {
        body.reset();
        String owner = pick(LOGINS, random) + "-org";
        String repository = owner + "/" + pick(WORDS, random) + "-" + pick(WORDS, random);
        add("{\"action\":\"")
                .add(random.nextInt(3) == 0 ? "created" : "edited")
                .add("\",\"event\":\"")
                .add(type);
        add("\",\"number\":").add(random.nextInt(100_000)).add(",\"sender\":");
        person(random);
        for (String role : REPOSITORIES) {
            if (size - body.size() > REPOSITORY_OCTETS) {
                add(",\"").add(role).add("\":");
                repository(random, repository);
            }
        }
        add(",\"commits\":[");
        for (String separator = ""; size - body.size() > COMMIT_OCTETS; separator = ",") {
            add(separator);
            commit(random, repository);
        }
        add("]");
        add(",\"body\":\"");
        text(random, size - 2);
        add("\"}");
        return body.toByteArray();
    }

    /** The body again, wrapped as an event that goes through a transformation would be. */
    static byte[] transformed(byte[] raw, String type, String id) {
        byte[] head = utf8("{\"specversion\":\"1.0\",\"type\":\"example.git." + type + "\",\"id\":\"" + id
                + "\",\"datacontenttype\":\"application/json\",\"data\":");
        byte[] whole = new byte[head.length + raw.length + 1];
        System.arraycopy(head, 0, whole, 0, head.length);
        System.arraycopy(raw, 0, whole, head.length, raw.length);
        whole[whole.length - 1] = '}';
        return whole;
    }

    private void person(SplittableRandom random) {
        int who = random.nextInt(LOGINS.size());
        String url = HOST + "users/" + LOGINS.get(who);
        add("{\"login\":\"").add(LOGINS.get(who)).add("\",\"id\":").add(random.nextInt(10_000_000));
        add(",\"name\":\"").add(NAMES.get(who)).add("\",\"url\":\"").add(url);
        add("\",\"followers_url\":\"")
                .add(url)
                .add("/followers\",\"repos_url\":\"")
                .add(url);
        add("/repos\",\"events_url\":\"").add(url).add("/events{/privacy}\",\"type\":\"User\",\"site_admin\":false}");
    }

    private void repository(SplittableRandom random, String name) {
        add("{\"id\":")
                .add(random.nextInt(1_000_000_000))
                .add(",\"full_name\":\"")
                .add(name)
                .add("\",\"private\":");
        add(random.nextBoolean() ? "true" : "false")
                .add(",\"description\":\"")
                .add(pick(PHRASES, random))
                .add("\"");
        for (String link : LINKS) {
            add(",\"")
                    .add(link)
                    .add("_url\":\"")
                    .add(HOST)
                    .add("repos/")
                    .add(name)
                    .add("/")
                    .add(link)
                    .add("{/id}\"");
        }
        add(",\"stargazers_count\":").add(random.nextInt(50_000)).add(",\"default_branch\":\"main\"}");
    }

    private void commit(SplittableRandom random, String repository) {
        String sha = Long.toHexString(random.nextLong()) + Long.toHexString(random.nextLong());
        add("{\"id\":\"")
                .add(sha)
                .add("\",\"url\":\"")
                .add(HOST)
                .add("repos/")
                .add(repository)
                .add("/commits/")
                .add(sha);
        add("\",\"message\":\"");
        text(random, body.size() + 120);
        add("\",\"author\":");
        person(random);
        add(",\"distinct\":true}");
    }

    /** Talk, up to exactly this size of the body. */
    private void text(SplittableRandom random, int until) {
        while (until - body.size() > 64) {
            add(pick(WORDS, random));
            int next = random.nextInt(64);
            if (next == 0) {
                add(" ").add(pick(PHRASES, random)).add(" ");
            } else {
                add(next < BREAKS.length ? BREAKS[next] : " ");
            }
        }
        while (body.size() < until) {
            body.write('.');
        }
    }

    private static String pick(List<String> from, SplittableRandom random) {
        return from.get(random.nextInt(from.size()));
    }

    private PayloadGenerator add(int number) {
        return add(Integer.toString(number));
    }

    private PayloadGenerator add(String text) {
        body.writeBytes(utf8(text));
        return this;
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
