/** HTTP: answers for usage figures and errors, and a controller that a host may turn on once it says who may read what. */
@NullMarked
package io.usagekit.spring.web;

import org.jspecify.annotations.NullMarked;
