import CLamina
import Glibc

// What a layer does with questions for names, beside passing them on.

extension Next where State == NoState {
    /// Ends the question with these addresses: those of the family that it asks for, and names, as many as it has room for,
    /// with its port. EADDRNOTAVAIL where none is of that family. The canonical name is written where the question asks for one.
    public consuming func answer(
        _ question: NameQuestion,
        _ addresses: [Address],
        canonicalName: String? = nil
    ) -> Answer {
        let count = question.answer(addresses, canonicalName: canonicalName)
        return count > 0 || question.capacity == 0 ? end(bytes: UInt64(count)) : fail(EADDRNOTAVAIL)
    }

    /// Ends the question with this name, of which 253 bytes are taken.
    public consuming func answer(_ question: AddressQuestion, _ name: String) -> Answer {
        question.answer(name)
        return end()
    }

    /// Asks the levels below for another name, whose answer becomes the question's. Allocates; ENOMEM where it can't.
    public consuming func resolve(_ question: NameQuestion, as name: String) -> Answer {
        Answer(RenamedQuestion.ask(name, question.query, slot, request))
    }

    /// Asks the system's resolver (getaddrinfo), which runs on a thread of its own where it would block; the levels below
    /// don't see the question. A cancel and a deadline end it at once. EAGAIN where too many questions wait.
    public consuming func askSystem(_ question: NameQuestion) -> Answer {
        Answer(SystemResolver.resolve(slot, question.query, request))
    }

    /// The same for the name of an address (getnameinfo).
    public consuming func askSystem(_ question: AddressQuestion) -> Answer {
        Answer(SystemResolver.reverse(slot, question.query, request))
    }
}

/// A question as the levels below get it, and the one that was asked: they write to the memory of that one.
private struct RenamedQuestion {
    var inner: lamina_resolve_arguments
    let outer: UnsafeMutablePointer<lamina_resolve_arguments>
    let name: UnsafeMutablePointer<CChar>

    static func ask(
        _ name: String,
        _ query: UnsafeMutablePointer<lamina_resolve_arguments>,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        query.pointee.count = 0
        guard let copy = strdup(name) else { return lamina_complete(slot, request, -ENOMEM, 0) }
        let renamed = UnsafeMutablePointer<RenamedQuestion>.allocate(capacity: 1)
        renamed.initialize(to: RenamedQuestion(inner: query.pointee, outer: query, name: copy))
        renamed.pointee.inner.name = UnsafePointer(copy)
        guard lamina_push(slot, request, answered, renamed) != nil else {
            discard(renamed)
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        return lamina_resolve(slot, renamed.field(\.inner), request)
    }

    private static let answered: lamina_completion = { _, _, context in
        guard let renamed = context?.assumingMemoryBound(to: RenamedQuestion.self) else { return 0 }
        renamed.pointee.outer.pointee.count = renamed.pointee.inner.count
        discard(renamed)
        return 0
    }

    private static func discard(_ renamed: UnsafeMutablePointer<RenamedQuestion>) {
        free(renamed.pointee.name)
        renamed.deallocate()
    }
}
