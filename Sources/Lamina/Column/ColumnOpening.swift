import CLamina
import CLinux
import Glibc

/// How a column comes to be: its levels are opened top-down by one call, or, where the levels below are open already,
/// one by one from below.
enum ColumnOpening {
    /// Every level's link for `open`: the next level down that is linked and opens something.
    static let next: lamina_any_function = {
        let function: lamina_open_function = { slot, arguments, request in
            guard Int(arguments.pointee.flags) & Int(LAMINA_OPEN_FROM_BELOW) == 0 else {
                return lamina_complete(slot, request, 0, 0)
            }
            let state = ColumnState.of(slot)
            for level in stride(from: Int(slot.pointee.level) + 1, through: state.levelCount, by: 1)
            where state.active & (1 << UInt64(level)) != 0 {
                guard let open = state.chain.instance(state.start + level)?.table?.pointee.open else { continue }
                return open(state.slots + level, arguments, request)
            }
            return lamina_complete(slot, request, -EOPNOTSUPP, 0)
        }
        return unsafeBitCast(function, to: lamina_any_function.self)
    }()

    /// Makes a column of the chain below `start` and opens it. `request` ends with the open; where that fails, the
    /// column is gone. Nil: there is no memory, and the request has completed.
    static func open(
        _ chain: Chain,
        start: Int,
        arguments: lamina_open_arguments,
        origin: OriginStorage,
        client: UnsafePointer<lamina_indications>?,
        context: UnsafeMutableRawPointer?,
        above: Slot?,
        lower: UnsafeMutablePointer<Slot?>? = nil,
        request: Request
    ) -> (slot: Slot?, status: lamina_status) {
        let category = SocketCategories(rawValue: arguments.category)
        guard category.isSubset(of: .all), arguments.category.nonzeroBitCount == 1 else {
            return (nil, Completion.end(request, -EINVAL))
        }
        guard
            let state = ColumnState(
                chain: chain,
                start: start,
                category: arguments.category,
                family: arguments.family,
                type: arguments.type,
                proto: arguments.protocol,
                origin: origin,
                loop: above.map { ColumnState.loop(of: $0) }
            )
        else { return (nil, Completion.end(request, -ENOMEM)) }
        state.column.pointee.client = client
        state.column.pointee.above = above
        state.opener = above.map { ColumnState.of($0) }
        state.slots.pointee.context = context
        let waits = chain.hasConditions(from: start)
        state.waits = waits
        state.link(chain.unconditional(from: start, in: state.category), waits: waits)
        state.opened = state.active
        let slots = state.slots
        guard lamina_push(slots, request, opened, nil) != nil else {
            ColumnClosing.discard(state)
            return (nil, Completion.end(request, -ENOMEM))
        }
        var arguments = arguments
        arguments.size = UInt32(MemoryLayout<lamina_open_arguments>.size)
        arguments.origin = UnsafePointer(origin.pointer)
        // The completion may run inside the call, and free what it is written to.
        lower?.pointee = slots
        return (slots, lamina_open(slots, &arguments, request))
    }

    private static let opened: lamina_completion = { slot, request, _ in
        guard let slot else { return 0 }
        if request.pointee.status < 0 {
            ColumnClosing.discard(ColumnState.of(slot))
        } else {
            let state = ColumnState.of(slot)
            if slot.pointee.column.pointee.above == nil { clinux_store_u32(&state.isGivenOut, 1) }
            request.pointee.socket = slot
            request.pointee.socket_generation = lamina_socket_of(slot).generation
        }
        return 0
    }
}

/// Opens levels one by one, bottom-up, above levels that are open already.
final class LevelOpening: @unchecked Sendable {
    // One party at a time: the thread that runs `advance`, or the completion that came after its return.
    private let state: ColumnState
    private var levels: [Int]
    private var current = 0
    private let request: Request
    private let done: (lamina_status) -> Void
    private let states: LevelStates?
    private var arrivals: UInt32 = 0

    /// Opens `levels`, from what another process had of them where `states` has it, and tells `done` how that ended, here
    /// or later.
    static func open(
        _ levels: UInt64,
        of state: ColumnState,
        adopting states: LevelStates? = nil,
        done: @escaping (lamina_status) -> Void
    ) {
        LevelOpening(state, levels, states, done).advance()
    }

    private init(
        _ state: ColumnState,
        _ levels: UInt64,
        _ states: LevelStates?,
        _ done: @escaping (lamina_status) -> Void
    ) {
        self.state = state
        self.states = states
        self.levels = (1...max(state.levelCount, 1)).filter { levels & (1 << UInt64($0)) != 0 }
        self.done = done
        request = .allocate(capacity: 1)
    }

    deinit {
        request.deallocate()
    }

    private func advance() {
        while let level = levels.popLast() {
            current = level
            guard let begin = beginning(of: level) else {
                state.opened |= 1 << UInt64(level)
                continue
            }
            clinux_store_u32(&arrivals, 0)
            lamina_request_prepare(request, Self.opened, Unmanaged.passRetained(self).toOpaque())
            begin(state.slots + level)
            guard clinux_add_u32(&arrivals, 1) == 2, noteCurrent() else { return }
        }
        done(0)
    }

    /// The call that begins a level; nil where it has none.
    private func beginning(of level: Int) -> ((Slot) -> Void)? {
        let table = state.chain.instance(state.start + level)?.table?.pointee
        let request = request
        if let given = states?.state(of: level) {
            guard let adopt = table?.adopt_state else {
                return { _ = lamina_complete($0, request, -EOPNOTSUPP, 0) }
            }
            return { _ = adopt($0, given, request) }
        }
        guard let open = table?.open else { return nil }
        var arguments = lamina_open_arguments()
        arguments.size = UInt32(MemoryLayout<lamina_open_arguments>.size)
        arguments.family = state.family
        arguments.type = state.type
        arguments.protocol = state.proto
        arguments.category = state.category
        arguments.flags = UInt32(LAMINA_OPEN_FROM_BELOW)
        arguments.origin = UnsafePointer(state.origin.pointer)
        return { _ = open($0, &arguments, request) }
    }

    /// Notes how the current level's open ended; false: that was the end.
    private func noteCurrent() -> Bool {
        guard request.pointee.status >= 0 else {
            states?.failedLevel = current
            done(request.pointee.status)
            return false
        }
        state.opened |= 1 << UInt64(current)
        return true
    }

    private static let opened: lamina_completion = { _, _, context in
        guard let context else { return 0 }
        let opening = Unmanaged<LevelOpening>.fromOpaque(context).takeRetainedValue()
        if clinux_add_u32(&opening.arrivals, 1) == 2, opening.noteCurrent() { opening.advance() }
        return 0
    }
}
