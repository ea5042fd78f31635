import CLamina
import LaminaProvider

/// Passes one event up and writes its line. What an event names may be gone afterwards, so it is kept before.
@inline(__always)
private func traced(
    _ slot: Slot,
    _ indication: Int,
    _ describe: (OperationPointer) -> Void,
    pass: () -> lamina_status,
    answer: (OperationPointer) -> Void = { _ in }
) -> lamina_status {
    guard let level = Trace.of(slot) else { return pass() }
    let look = level.pointee.look
    guard level.pointee.filter.shows(event: indication, look),
        let operation = Operation.make(indication, look: look, isEvent: true)
    else { return pass() }
    defer { operation.destroy() }
    describe(operation)
    operation.pointee.started = Operation.now
    let status = pass()
    answer(operation)
    if !level.pointee.look.errorsOnly || status < 0 { TraceLine.write(operation, slot, status, level) }
    return status
}

/// The indications of a level that shows everything.
enum Events {
    static var indications: lamina_indications {
        lamina_indications { table in
            table.accept = { slot, event in
                traced(slot, LAMINA_INDICATION_ACCEPT) { operation in
                    operation.keep(event.pointee.remote)
                    operation.pointee.accepted = event.pointee.accepted.pointee.column.pointee.serial
                } pass: {
                    lamina_indicate_accept(slot, event)
                }
            }
            table.inspect = { slot, event in
                traced(slot, LAMINA_INDICATION_INSPECT) { operation in
                    operation.keep(event.pointee.remote)
                } pass: {
                    lamina_indicate_inspect(slot, event)
                } answer: {
                    $0.pointee.flags = event.pointee.answer
                }
            }
            table.abort = { slot, event in
                traced(slot, LAMINA_INDICATION_ABORT, { _ in }, pass: { lamina_indicate_abort(slot, event) })
            }
            table.receive = { slot, event in
                traced(slot, LAMINA_INDICATION_RECEIVE) { operation in
                    operation.keep(event.pointee.data, limit: operation.pointee.look.sample)
                } pass: {
                    lamina_indicate_receive(slot, event)
                }
            }
            table.receive_from = { slot, event in
                traced(slot, LAMINA_INDICATION_RECEIVE_FROM) { operation in
                    operation.keep(event.pointee.datagrams, limit: operation.pointee.look.sample)
                } pass: {
                    lamina_indicate_receive_from(slot, event)
                }
            }
            table.disconnect = { slot, event in
                traced(slot, LAMINA_INDICATION_DISCONNECT) { operation in
                    operation.pointee.flags = event.pointee.flags
                    operation.pointee.level = event.pointee.reason
                } pass: {
                    lamina_indicate_disconnect(slot, event)
                }
            }
            table.send_backlog = { slot, event in
                traced(slot, LAMINA_INDICATION_SEND_BACKLOG) { operation in
                    operation.pointee.size = event.pointee.ideal_bytes
                } pass: {
                    lamina_indicate_send_backlog(slot, event)
                }
            }
        }
    }
}
