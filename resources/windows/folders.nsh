; "Open with RE-Control Studio" in the menu of a folder, as a project is a folder.
!macro customInstall
  WriteRegStr SHCTX "Software\Classes\Directory\shell\REControlStudio" "" "Open with RE-Control Studio"
  WriteRegStr SHCTX "Software\Classes\Directory\shell\REControlStudio" "Icon" "$INSTDIR\${APP_EXECUTABLE_FILENAME}"
  WriteRegStr SHCTX "Software\Classes\Directory\shell\REControlStudio\command" "" '"$INSTDIR\${APP_EXECUTABLE_FILENAME}" "%V"'
!macroend

!macro customUnInstall
  DeleteRegKey SHCTX "Software\Classes\Directory\shell\REControlStudio"
!macroend
