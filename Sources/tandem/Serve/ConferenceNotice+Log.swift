import CallModel
import Conferences
import Logging

extension ConferenceNotice {
  /// A line an administrator can act on. PINs are never part of it.
  func write(to log: Logger) {
    switch self {
    case .began(let name): log.info("conference began", metadata: ["conference": "\(name)"])
    case .ended(let name, let disconnect):
      log.info(
        "conference ended",
        metadata: ["conference": "\(name)", "cause": "\(disconnect.text ?? disconnect.cause.rawValue)"])
    case .joined(let name, let participant, let call, let alias):
      log.info(
        "participant arrived",
        metadata: [
          "conference": "\(name)", "participant": "\(participant)", "call": "\(call?.description ?? "")",
          "alias": "\(alias)",
        ])
    case .left(let name, let participant, let disconnect):
      log.info(
        "participant left",
        metadata: [
          "conference": "\(name)", "participant": "\(participant)",
          "cause": "\(disconnect.text ?? disconnect.cause.rawValue)",
        ])
    case .wrongPIN(let name, let participant, let address):
      log.notice(
        "wrong PIN",
        metadata: [
          "conference": "\(name)", "participant": "\(participant)",
          "address": "\(address?.description ?? "")",
        ])
    case .recordingBegan(let name, let path):
      log.info("recording began", metadata: ["conference": "\(name)", "file": "\(path)"])
    case .recordingEnded(let name, let path):
      log.info("recording ended", metadata: ["conference": "\(name)", "file": "\(path)"])
    case .recordingFailed(let name, let path, let reason):
      log.error(
        "a conference is not recorded",
        metadata: ["conference": "\(name)", "file": "\(path ?? "")", "reason": "\(reason)"])
    }
  }
}
