package io.usagekit.verification.architecture;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import com.tngtech.archunit.library.dependencies.SliceRule;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Rules that hold below any root package, so that each can be checked against packages that break it. */
final class ModuleRules {

    /** The types of {@code usage-postgres} that its features and {@code internal} share. */
    private static final List<String> SHARED = List.of("TableMapping", "IndexStatus", "FixedDelayScheduler");

    private ModuleRules() {}

    /** Classes of these packages depend on none of the others. */
    static ArchRule independent(String packages, String... others) {
        return noClasses()
                .that()
                .resideInAPackage(packages)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(others)
                .as(packages + " doesn't depend on " + String.join(", ", others));
    }

    /** Classes of these packages depend on the allowed packages only. */
    static ArchRule confined(List<String> packages, List<String> allowed) {
        return classes()
                .that()
                .resideInAnyPackage(packages.toArray(String[]::new))
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(allowed.toArray(String[]::new));
    }

    /**
     * The packages of the PostgreSQL adapter: {@code internal} uses the shared types of the root package and nothing else of the adapter; a
     * feature uses these two, and {@code partitions} and {@code rows} use {@code rollups} as well.
     */
    static List<ArchRule> postgres(String root) {
        return List.of(
                uses(root, "internal", List.of()),
                uses(root, "rollups", List.of("internal")),
                uses(root, "events", List.of("internal")),
                uses(root, "partitions", List.of("internal", "rollups")),
                uses(root, "rows", List.of("internal", "rollups")));
    }

    private static ArchRule uses(String root, String part, List<String> others) {
        String all = others.stream().map(other -> ", " + other).collect(Collectors.joining());
        return noClasses()
                .that()
                .resideInAPackage(root + "." + part + "..")
                .should()
                .dependOnClassesThat(DescribedPredicate.describe(
                        "are others of " + root,
                        type -> isIn(type, root)
                                && !isIn(type, root + "." + part)
                                && others.stream().noneMatch(other -> isIn(type, root + "." + other))
                                && SHARED.stream().noneMatch(value -> isOrIsWithin(type, root + "." + value))))
                .as(root + "." + part + " uses itself, " + String.join(", ", SHARED) + all + ", and nothing else of "
                        + root);
    }

    private static boolean isIn(JavaClass type, String pack) {
        String name = type.getPackageName();
        return name.equals(pack) || name.startsWith(pack + ".");
    }

    private static boolean isOrIsWithin(JavaClass type, String outer) {
        return type.getName().equals(outer) || type.getName().startsWith(outer + "$");
    }

    /**
     * No packages below the root form a cycle, with one exception: the API package of a module and its own {@code internal} packages, since
     * the API's factories create what is internal.
     */
    static ArchRule acyclic(String root, List<String> apis) {
        SliceRule rule = slices().assignedFrom(new SliceAssignment() {
                    @Override
                    public SliceIdentifier getIdentifierOf(JavaClass type) {
                        return isIn(type, root) ? SliceIdentifier.of(type.getPackageName()) : SliceIdentifier.ignore();
                    }

                    @Override
                    public String getDescription() {
                        return "packages of " + root;
                    }
                })
                .should()
                .beFreeOfCycles();
        for (String api : apis) {
            rule = rule.ignoreDependency(resideInAPackage(api), resideInAPackage(api + ".internal.."));
        }
        return rule;
    }

    /** Packages with more top-level types than this, and how many each has. */
    static Map<String, Long> largerThan(int types, JavaClasses all) {
        Map<String, Long> sizes = all.stream()
                .filter(JavaClass::isTopLevelClass)
                .filter(type -> !type.getSimpleName().endsWith("-info"))
                .collect(Collectors.groupingBy(JavaClass::getPackageName, TreeMap::new, Collectors.counting()));
        sizes.values().removeIf(size -> size <= types);
        return sizes;
    }
}
