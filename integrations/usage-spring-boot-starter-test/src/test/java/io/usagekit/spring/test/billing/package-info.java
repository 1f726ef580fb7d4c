/** A host with an endpoint of bills, and the test of that endpoint which the documentation quotes. */
@NullMarked
package io.usagekit.spring.test.billing;

import org.jspecify.annotations.NullMarked;
