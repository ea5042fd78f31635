import CLamina
import CLinux
import Glibc

// What the framework says of a socket by itself: no layer sees these questions.
extension Socket {
    /// The levels that stand in this socket, from the program down, the base last; those that a condition left out, or
    /// hasn't let in yet, are missing. Throws `closed`.
    public var levels: [Instance] {
        get throws(LaminaError) {
            guard lamina_enter(handle) != 0 else { throw Outcome.error(-EBADF, "levels") }
            defer { lamina_leave() }
            let state = ColumnState.of(handle.slot)
            return (1...state.levelCount).compactMap { level in
                state.active & (1 << UInt64(level)) == 0 ? nil : state.chain.instance(state.start + level)
            }
        }
    }

    /// The base's own descriptor (SIO_BASE_HANDLE), asked of the base itself; nil for a base that has none. It stays the
    /// socket's; what is sent and received on it passes the layers by. Throws `closed`, or ESTALE after the socket has
    /// moved.
    public var baseDescriptor: Int32? {
        get throws(LaminaError) {
            guard lamina_enter(handle) != 0 else { throw Outcome.error(-EBADF, "base descriptor") }
            defer { lamina_leave() }
            let state = ColumnState.of(handle.slot)
            guard !state.isStale else { throw Outcome.error(-ESTALE, "base descriptor") }
            guard let control = state.chain.instance(state.start + state.levelCount)?.table?.pointee.control else {
                return nil
            }
            var descriptor: Int32 = -1
            let status = withUnsafeMutablePointer(to: &descriptor) { descriptor in
                var operation = Waiting.operation(
                    LAMINA_CONTROL_GET_OPTION,
                    Int32(LAMINA_LEVEL),
                    Int32(LAMINA_OPTION_DESCRIPTOR)
                )
                operation.output = UnsafeMutableRawPointer(descriptor)
                operation.output_capacity = MemoryLayout<Int32>.size
                var request = lamina_request()
                lamina_request_prepare(&request, nil, nil)
                request.flags = UInt32(LAMINA_REQUEST_TRY)
                return control(state.base, &operation, &request)
            }
            return status == 0 && descriptor >= 0 ? descriptor : nil
        }
    }

    /// Leaves the base's descriptor open in a program that this process executes, or not, and gives its number:
    /// `init(adopting:on:)` takes it over there. Throws `notSupported` for a base that has none.
    @discardableResult
    public func setInheritable(_ isInheritable: Bool) throws(LaminaError) -> Int32 {
        guard let descriptor = try baseDescriptor else { throw Outcome.error(-EOPNOTSUPP, "inheritance") }
        let status = clinux_set_inheritable(descriptor, isInheritable ? 1 : 0)
        guard status == 0 else { throw Outcome.error(status, "inheritance") }
        return descriptor
    }
}
