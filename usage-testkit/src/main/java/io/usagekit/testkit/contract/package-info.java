/**
 * Contract suites (JUnit), one per port: a test class of an implementation extends the suite of its port and provides the
 * implementation.
 */
@NullMarked
package io.usagekit.testkit.contract;

import org.jspecify.annotations.NullMarked;
