import Glibc
import TestSupport
import Testing

@Suite("Generic layers and entries that they weren't compiled for")
struct GenericFutureTests {
    @Test(
        "A handler in C sees one with its arguments, and how it ended, with libffi or without",
        arguments: [true, false]
    )
    func seen(byLibffi: Bool) throws {
        let file = try GenericPlugin.spy(byLibffi ? GenericPlugin.byLibffi : [])
        #expect(
            try GenericPlugin.future(file, "writes=1") == [
                "lamina: level: entry future(slot, amount 2.5, small -7, part 0.25, text, request)",
                "below: 2.5 -7 0.25 text", "lamina: level: ended future entry = 0, 5 bytes", "status 0, 5 bytes",
            ]
        )
        #expect(try GenericPlugin.future(file, "fail=future") == ["status \(-EACCES), 0 bytes"])
    }

    @Test("A handler in Swift forwards one, changes its argument, or fails it")
    func swift() throws {
        let file = try GenericPlugin.warden()
        let forwarded = ["below: 2.5 -7 0.25 text", "status 0, 5 bytes"]
        #expect(try GenericPlugin.future(file, "watch=future") == forwarded)
        #expect(try GenericPlugin.future(file, "amount=3") == ["below: 3 -7 0.25 text", "status 0, 5 bytes"])
        #expect(try GenericPlugin.future(file, "fail=future", "error=13") == ["status \(-EACCES), 0 bytes"])
        // Another one's name is nothing to it.
        #expect(try GenericPlugin.future(file, "fail=futur", "error=13") == forwarded)
    }
}
