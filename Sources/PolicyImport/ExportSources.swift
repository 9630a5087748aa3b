import JSONText
import PolicyEngine

extension ExportFile {
  /// Largest file of an export.
  public static var maximumSize: Int { ManagementExport.limits.bytes }

  /// The files of an export: those named, and all `*.json` files of directories that are named.
  public static func files(of sources: [String]) -> (files: [ExportFile], diagnostics: [PolicyDiagnostic]) {
    var files: [ExportFile] = []
    var diagnostics: [PolicyDiagnostic] = []
    func fail(_ code: String, _ message: String, _ path: String, _ help: String? = nil) {
      diagnostics.append(PolicyDiagnostic(.error, code: code, message, file: path, suggestion: help))
    }
    for source in sources {
      var paths = [source]
      if case .success(let names) = PolicyFileSource.names(in: source) {
        paths = names.filter { $0.hasSuffix(".json") && !$0.hasPrefix(".") }.sorted().map {
          "\(source)/\($0)"
        }
        if paths.isEmpty {
          fail(
            "no-files", "there are no *.json files in this directory", source, "name the files of the export")
        }
      }
      for path in paths {
        switch PolicyFileSource.contents(of: path, maximumSize: maximumSize) {
        case .success(let bytes): files.append(ExportFile(name: path, bytes: bytes))
        case .failure(let failure): fail("unreadable", "the file cannot be read: \(failure.reason)", path)
        }
      }
    }
    return (files, diagnostics)
  }
}
