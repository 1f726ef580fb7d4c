package io.usagekit.verification.architecture;

import static com.tngtech.archunit.base.DescribedPredicate.alwaysTrue;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.JavaPackage;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** Dependencies between the modules, and between the packages of each; every rule also rejects classes that break it. */
class ArchitectureTest {

    private static final String[] CORE = {
        "io.usagekit", "io.usagekit.events..", "io.usagekit.format..", "io.usagekit.internal..", "io.usagekit.reports.."
    };
    private static final String POSTGRES = "io.usagekit.postgres..";
    private static final String REDIS = "io.usagekit.redis..";
    private static final String CLICKHOUSE = "io.usagekit.clickhouse..";
    private static final String JACKSON = "io.usagekit.jackson..";
    private static final String MICROMETER = "io.usagekit.micrometer..";
    private static final String SPRING = "io.usagekit.spring..";
    private static final String SPRING_TEST = "io.usagekit.spring.test..";
    private static final String TESTKIT = "io.usagekit.testkit..";
    private static final String SERVERS = "io.usagekit.servers..";
    private static final String CLI = "io.usagekit.cli..";
    private static final String PAGE = "io.usagekit.page..";
    private static final String EXAMPLES = "io.usagekit.examples..";
    private static final String NOT_EXPORTED = "io.usagekit..internal..";
    private static final String[] JDBC = {"java.sql..", "javax.sql.."};

    /** Packages whose factories create what is in their own {@code internal}. */
    private static final List<String> APIS_WITH_INTERNALS = List.of("io.usagekit", "io.usagekit.postgres");

    private static final int MOST_TYPES = 30;

    private static final JavaClasses PROJECT = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .withImportOption(
                    location -> !location.contains("/io/usagekit/page/templates/")) // which the build generates
            .importPackages("io.usagekit");

    /** The root of packages that break each rule. */
    private static final String BROKEN = "io.usagekit.verification.architecture.wrong";

    private static final JavaClasses BREAKING = new ClassFileImporter().importPackages(BROKEN);

    @Test
    void readsAllModules() {
        Set<String> packages = PROJECT.stream().map(JavaClass::getPackageName).collect(Collectors.toSet());

        assertThat(packages)
                .contains(
                        "io.usagekit",
                        "io.usagekit.events",
                        "io.usagekit.events.spi",
                        "io.usagekit.format",
                        "io.usagekit.internal",
                        "io.usagekit.internal.flight",
                        "io.usagekit.reports",
                        "io.usagekit.postgres",
                        "io.usagekit.postgres.rollups",
                        "io.usagekit.postgres.rollups.spi",
                        "io.usagekit.postgres.rollups.internal",
                        "io.usagekit.postgres.partitions",
                        "io.usagekit.postgres.events",
                        "io.usagekit.postgres.rows",
                        "io.usagekit.postgres.internal",
                        "io.usagekit.postgres.internal.cache",
                        "io.usagekit.redis",
                        "io.usagekit.clickhouse",
                        "io.usagekit.jackson",
                        "io.usagekit.micrometer",
                        "io.usagekit.spring",
                        "io.usagekit.spring.actuate",
                        "io.usagekit.spring.test",
                        "io.usagekit.spring.web",
                        "io.usagekit.testkit",
                        "io.usagekit.testkit.contract",
                        "io.usagekit.servers",
                        "io.usagekit.cli",
                        "io.usagekit.cli.support",
                        "io.usagekit.cli.commands",
                        "io.usagekit.cli.load",
                        "io.usagekit.cli.demo",
                        "io.usagekit.cli.http",
                        "io.usagekit.page",
                        "io.usagekit.examples",
                        "io.usagekit.examples.plain",
                        "io.usagekit.examples.spring");
    }

    @Test
    void everyPackageBelongsToAModuleAndIsNullMarked() {
        classes()
                .should()
                .resideInAnyPackage(Stream.concat(
                                Stream.of(CORE),
                                Stream.of(
                                        POSTGRES,
                                        REDIS,
                                        CLICKHOUSE,
                                        JACKSON,
                                        MICROMETER,
                                        SPRING,
                                        TESTKIT,
                                        SERVERS,
                                        CLI,
                                        PAGE,
                                        EXAMPLES))
                        .toArray(String[]::new))
                .check(PROJECT);

        Set<String> unmarked = PROJECT.stream()
                .filter(type -> !type.getSimpleName().equals("package-info"))
                .filter(type -> !type.getSimpleName().equals("module-info"))
                .map(JavaClass::getPackage)
                .filter(pack -> !pack.isAnnotatedWith(NullMarked.class))
                .map(JavaPackage::getName)
                .collect(Collectors.toCollection(TreeSet::new));
        assertThat(unmarked).as("packages without @NullMarked").isEmpty();
    }

    @Nested
    class Modules {

        @Test
        void coreDependsOnJdkSlf4jAndJspecifyOnly() {
            ModuleRules.confined(
                            List.of(CORE),
                            Stream.concat(
                                            Stream.of(CORE),
                                            Stream.of("java..", "javax.crypto..", "org.slf4j..", "org.jspecify.."))
                                    .toList())
                    .check(PROJECT);
            for (String core : CORE) {
                ModuleRules.independent(core, "java.sql..", "javax.sql..", "io.lettuce..")
                        .check(PROJECT);
            }

            assertRejects(
                    ModuleRules.confined(List.of(BROKEN + ".events"), List.of("java..", BROKEN + ".events")),
                    "UsesRollups");
            assertRejects(ModuleRules.independent(BROKEN + ".redis", JDBC), "java.sql.Connection");
        }

        @Test
        void coreNeverSleeps() {
            neverSleeps(CORE).check(PROJECT);

            assertRejects(neverSleeps(BROKEN + ".redis"), "Thread.sleep");
        }

        @Test
        void adaptersDependOnCoreAndNeverOnEachOther() {
            ModuleRules.independent(
                            POSTGRES,
                            REDIS,
                            CLICKHOUSE,
                            JACKSON,
                            MICROMETER,
                            SPRING,
                            TESTKIT,
                            SERVERS,
                            CLI,
                            PAGE,
                            EXAMPLES)
                    .check(PROJECT);
            ModuleRules.independent(
                            REDIS,
                            POSTGRES,
                            CLICKHOUSE,
                            JACKSON,
                            MICROMETER,
                            SPRING,
                            TESTKIT,
                            SERVERS,
                            CLI,
                            PAGE,
                            EXAMPLES,
                            "java.sql..",
                            "javax.sql..")
                    .check(PROJECT);
            ModuleRules.independent(
                            TESTKIT,
                            POSTGRES,
                            REDIS,
                            CLICKHOUSE,
                            JACKSON,
                            MICROMETER,
                            SPRING,
                            SERVERS,
                            CLI,
                            PAGE,
                            EXAMPLES)
                    .check(PROJECT);
            ModuleRules.independent(
                            JACKSON,
                            POSTGRES,
                            REDIS,
                            CLICKHOUSE,
                            MICROMETER,
                            SPRING,
                            TESTKIT,
                            SERVERS,
                            CLI,
                            PAGE,
                            EXAMPLES)
                    .check(PROJECT);
            ModuleRules.independent(MICROMETER, REDIS, JACKSON, SPRING, TESTKIT, SERVERS, CLI, PAGE, EXAMPLES)
                    .check(PROJECT);
            ModuleRules.independent(
                            SPRING_TEST, POSTGRES, REDIS, CLICKHOUSE, JACKSON, MICROMETER, SERVERS, CLI, PAGE, EXAMPLES)
                    .check(PROJECT);
            noClasses()
                    .that()
                    .resideInAPackage(SPRING)
                    .and()
                    .resideOutsideOfPackage(SPRING_TEST)
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(SPRING_TEST, TESTKIT, SERVERS, CLI, PAGE, EXAMPLES)
                    .check(PROJECT);

            assertRejects(ModuleRules.independent(BROKEN + ".redis", BROKEN), "TableMapping");
        }

        /** The one dependency between adapters: sums of roll-ups are what ClickHouse is fed with. */
        @Test
        void clickHouseDependsOnCoreAndTheInterfacesOfTheFeedOnly() {
            ModuleRules.confined(
                            List.of(CLICKHOUSE),
                            List.of(
                                    CLICKHOUSE,
                                    "io.usagekit",
                                    "io.usagekit.reports",
                                    "io.usagekit.postgres.rollups.spi",
                                    "java..",
                                    "javax.sql..",
                                    "org.slf4j..",
                                    "org.jspecify.."))
                    .check(PROJECT);

            assertRejects(
                    ModuleRules.confined(
                            List.of(BROKEN + ".rows"), List.of("java..", BROKEN + ".rows", BROKEN + ".internal")),
                    "UsesRollups");
        }

        @Test
        void internalPackagesAreUsedByTheirModuleOnly() {
            usedWithin("io.usagekit.internal..", CORE).check(PROJECT);
            usedWithin("io.usagekit.postgres.internal..", POSTGRES).check(PROJECT);

            assertRejects(usedWithin(BROKEN + ".internal", BROKEN), "UsesPartitions");
        }

        @Test
        void modulesFormNoCycle() {
            slices().matching(
                            "io.usagekit.(postgres|redis|clickhouse|jackson|micrometer|spring|testkit|servers|cli|page|examples)..")
                    .should()
                    .beFreeOfCycles()
                    .check(PROJECT);

            assertRejects(
                    slices().matching(BROKEN + ".(*)..").should().beFreeOfCycles(), "Cycle detected", "Slice events");
        }
    }

    @Nested
    class Packages {

        @Test
        void featuresOfPostgresUseTableMappingAndInternalOnly() {
            List<ArchRule> rules = ModuleRules.postgres("io.usagekit.postgres");
            rules.forEach(rule -> rule.check(PROJECT));

            List<ArchRule> broken = ModuleRules.postgres(BROKEN);
            assertRejects(broken.get(0), "UsesEntryClass");
            assertRejects(broken.get(1), "UsesPartitions");
            assertRejects(broken.get(2), "UsesRollups");
            assertRejects(broken.get(3), "UsesEvents");
            assertRejects(broken.get(4), "UsesInternalAndEvents");
            for (ArchRule rule : broken) {
                assertThat(rule.evaluate(BREAKING).getFailureReport().getDetails())
                        .as(rule.getDescription())
                        .noneMatch(detail -> detail.contains("TableMapping>"));
            }
        }

        /** {@link ModuleRules#acyclic} names the exception. */
        @Test
        void packagesFormNoCycle() {
            ModuleRules.acyclic("io.usagekit", APIS_WITH_INTERNALS).check(PROJECT);

            assertRejects(
                    ModuleRules.acyclic(BROKEN, List.of()),
                    "Cycle detected",
                    BROKEN + ".partitions",
                    BROKEN + ".rollups");
        }

        @Test
        void noPackageHasMoreThanThirtyTypes() {
            assertThat(ModuleRules.largerThan(MOST_TYPES, PROJECT)).isEmpty();

            assertThat(ModuleRules.largerThan(1, BREAKING)).containsExactly(Map.entry(BROKEN, 2L));
        }
    }

    @Test
    void publicSignaturesNameNoDriversException() {
        classes()
                .that()
                .resideInAPackage("io.usagekit..")
                .and(publicWithItsEnclosingTypes())
                .and(outside(NOT_EXPORTED, SERVERS, CLI, PAGE, EXAMPLES))
                .should(nameNoDriversException())
                .check(PROJECT);

        assertRejects(classes().that(publicWithItsEnclosingTypes()).should(nameNoDriversException()), "UsesJdbc.read");
    }

    private static void assertRejects(ArchRule rule, String... parts) {
        assertThatThrownBy(() -> rule.check(BREAKING))
                .as(rule.getDescription())
                .isInstanceOf(AssertionError.class)
                .hasMessageContainingAll(parts);
    }

    private static ArchRule neverSleeps(String... packages) {
        return noClasses()
                .that()
                .resideInAnyPackage(packages)
                .should()
                .callMethodWhere(DescribedPredicate.describe(
                        "it is Thread.sleep",
                        call -> call.getTargetOwner().isEquivalentTo(Thread.class)
                                && call.getName().equals("sleep")));
    }

    private static ArchRule usedWithin(String internal, String... module) {
        return noClasses()
                .that()
                .resideOutsideOfPackages(module)
                .and()
                .resideOutsideOfPackage(internal)
                .should()
                .dependOnClassesThat()
                .resideInAPackage(internal);
    }

    private static DescribedPredicate<JavaClass> publicWithItsEnclosingTypes() {
        return DescribedPredicate.describe(
                "public, and so are the types that enclose them",
                type -> type.getModifiers().contains(JavaModifier.PUBLIC)
                        && type.getEnclosingClass()
                                .map(publicWithItsEnclosingTypes()::test)
                                .orElse(true));
    }

    private static DescribedPredicate<JavaClass> outside(String... packages) {
        DescribedPredicate<JavaClass> outside = alwaysTrue();
        for (String one : packages) {
            outside = outside.and(DescribedPredicate.not(resideInAPackage(one)));
        }
        return outside;
    }

    private static ArchCondition<JavaClass> nameNoDriversException() {
        return new ArchCondition<>("name no driver's exception in a public or protected signature") {
            @Override
            public void check(JavaClass type, ConditionEvents events) {
                type.getCodeUnits().stream()
                        .filter(unit -> unit.getModifiers().contains(JavaModifier.PUBLIC)
                                || unit.getModifiers().contains(JavaModifier.PROTECTED))
                        .filter(ArchitectureTest::namesDriversException)
                        .forEach(unit -> events.add(SimpleConditionEvent.violated(unit, unit.getDescription())));
            }
        };
    }

    private static boolean namesDriversException(JavaCodeUnit unit) {
        Stream<JavaClass> named = Stream.concat(
                Stream.concat(unit.getRawParameterTypes().stream(), unit.getThrowsClause().getTypes().stream()),
                Stream.of(unit.getRawReturnType()));
        return named.anyMatch(type ->
                type.isAssignableTo("java.sql.SQLException") || type.isAssignableTo("io.lettuce.core.RedisException"));
    }
}
